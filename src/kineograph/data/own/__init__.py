"""Data that people bring: folders, tar shards and data sets on disk, made into packs."""
