"""WHERE IS IT KEPT?  A port with its laws, and the stores that obey them."""
