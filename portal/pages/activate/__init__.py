"""The page where a viewer enters the PIN of their TV, and what follows."""
