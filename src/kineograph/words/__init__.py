"""Texts, by the module name of 0.1; they are read by `families.language.words`."""
