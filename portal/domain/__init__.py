"""The words of the domain: outcomes, actors, errors, PINs and how they are spelled. Standard library only."""
