"""OpenCV as this package uses it: loaded for the first picture that needs it, on one thread."""

from functools import cache
from types import ModuleType


@cache
def opencv() -> ModuleType:
    """Return cv2, which starts no threads of its own: parallel work is the executor's business."""
    import cv2  # 0.1 s, which plain JPEGs do not need

    cv2.setNumThreads(1)
    return cv2
