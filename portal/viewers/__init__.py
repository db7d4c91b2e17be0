"""Finding a viewer and their TVs at Zype, and the viewers' preferences: names of TVs, and the language."""
