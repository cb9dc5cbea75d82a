"""Every point of a view is mapped back to where it lies in the picture."""

import cv2
import numpy as np

from gateway.plates import askew
from gateway.plates.picture import mapped


def test_a_spot_is_mapped_back_from_every_view():
    picture = np.zeros((240, 320, 3), np.uint8)
    cv2.circle(picture, (100, 180), 5, (255, 0, 255), -1)
    found = []
    for view, back in askew.views(picture):
        rows, columns = np.nonzero((view[..., 0] > 200) & (view[..., 1] < 60))
        spot = np.array([[columns.mean(), rows.mean()]], np.float32)
        found.append(mapped(spot, back)[0])
        corners = mapped(np.array([[0, 0], [319, 239]], np.float32), np.linalg.inv(back))
        assert (corners > -1).all(), "something of the picture lies outside its view"
        assert (corners < np.array(view.shape[1::-1]) + 1).all()
    assert len(found) == 4
    assert np.allclose(found, (100, 180), atol=1.5)
