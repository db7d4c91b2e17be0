"""Finding a viewer and their TVs at Zype, and the viewers' preferences: names and numbers of TVs, and the language."""
