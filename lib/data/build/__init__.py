"""How the SweetHome benchmark was made: catalogue, geometry, splits, pictures. Needed only to build it again."""
