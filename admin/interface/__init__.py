"""What features are built from: API routes, the command line, forms, lists, charts, formats, the page frame.

Nothing here knows a subject; a feature imports this package and never the other way round.
"""
