"""What these tests share: one real registry."""

from tests.registry.local import store

__all__ = ["store"]
