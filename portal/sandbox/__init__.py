"""An imitation of Zype and of a TV, for demos and tests. It imports nothing from the rest of the portal.

The portal's client and this imitation are written apart, so that they can't agree by sharing a bug.
"""
