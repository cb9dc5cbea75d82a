"""A camera's folder as a camera fills it: whole pictures, by rename."""

from pathlib import Path

import cv2


class Folder:
    """Lays pictures into a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        self._number = 0

    @property
    def url(self) -> str:
        return f"folder://{self.path}"

    def lay(self, picture) -> Path:
        done, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
        assert done
        return self.lay_bytes(bytes(encoded))

    def lay_bytes(self, data: bytes, ending: str = ".jpg") -> Path:
        self._number += 1
        fresh = self.path / ".fresh.part"
        fresh.write_bytes(data)
        return fresh.rename(self.path / f"{self._number:06d}{ending}")
