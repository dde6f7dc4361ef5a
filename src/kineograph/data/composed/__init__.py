"""Composed scenes: captioned pictures and loops built from cut-outs, without end, by seed."""
