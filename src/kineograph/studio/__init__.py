"""A page on this machine that makes everything the command makes, and shows how.

    rooms      what each room of the page asks for, with its worked example
    home       the folder of uploads and results; every name a stranger sends is looked up here
    requests   a flat request, as in `kineograph batch`, checked against the home
    jobs       the queue and the gallery: one SQLite table that outlives the server
    events     what happened, for pages that listen and come back
    worker     the process that makes, one step after another
    runner     gives jobs to the worker, one at a time
    guard      who may ask: loopback, this host, this origin, with the token
    server     HTTP over all of it
    page/      plain ES modules and CSS; nothing is fetched at run time

No maths, no second settings type: forms, bodies and checks are the families' settings.
"""
