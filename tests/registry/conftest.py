"""What these tests share: one real registry."""

from tests.registry.local import name, registry, store

__all__ = ["name", "registry", "store"]
