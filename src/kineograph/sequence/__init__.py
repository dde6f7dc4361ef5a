"""What comes next? The one drawing loop, and chains that are counted."""
