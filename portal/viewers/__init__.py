"""Finding a viewer and their TVs at Zype, and what is kept of them here: names of TVs, and the language."""
