"""``coatcheck serve``: one listening socket, and the processes behind it."""
