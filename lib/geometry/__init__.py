"""Meshes, cameras, grey views and surface samples. The only rooms that import trimesh and open3d are here."""
