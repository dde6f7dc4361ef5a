"""Figures cut out of a clip that can be steered (Schödl et al. 2000, section 6)."""
