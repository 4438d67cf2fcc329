"""``coatcheck users import``: accounts from elsewhere.

``users_import`` is the command and ``running`` what it does: sources (``json_files``, ``databases``) yield records,
``accounts`` makes users of them, ``flows.import_users`` stores those.
"""
