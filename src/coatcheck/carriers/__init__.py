"""HOW DOES IT TRAVEL?  Raw request headers in, one credential out, or why not; and the cookies that carry it back.

Bytes in, small records out: no framework, no clock. Frameworks' cookie parsers can be fooled (they strip Unicode
spaces, undo quotes, and let the last of two cookies win), so nothing here ever sees their result.
"""
