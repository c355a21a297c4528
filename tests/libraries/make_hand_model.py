"""Makes hand_landmarker.task of the two models in the wheel of MediaPipe 0.10.21, because 1.x has no models.

Arguments: the wheel, and the file to write.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys
import zipfile

PARTS = {
    "hand_detector.tflite": "mediapipe/modules/palm_detection/palm_detection_full.tflite",
    "hand_landmarks_detector.tflite": "mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
}

if __name__ == "__main__":
    with zipfile.ZipFile(sys.argv[1]) as wheel, zipfile.ZipFile(sys.argv[2], "w") as task:
        for name, path in PARTS.items():
            task.writestr(name, wheel.read(path))
