"""What goes in and what comes out: settings, requests, progress, results."""
