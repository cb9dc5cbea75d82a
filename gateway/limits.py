"""How far each number of the screening may be set: beyond it a slip, not a choice.

Every field of `screening.Limits` that is a number has its range here; the settings refuse the
rest. Temperatures are hundredths of a degree Celsius.
"""

from typing import Final

RANGES: Final[dict[str, tuple[float, float]]] = {
    "fever_centi_c": (3600, 4100),
    "guard_band_centi_c": (0, 100),
    "skin_centi_c_min": (1500, 3200),
    "skin_centi_c_max": (4100, 5000),
    "cold_raw_centi_c": (2800, 3600),
    "cold_ambient_centi_c": (0, 2500),
    "hot_ambient_centi_c": (2800, 5000),
    "shelter_wait_s": (0, 3600),
    "recheck_wait_s": (0, 3600),
    "probe_away_s": (0, 60),
    "attempts_max": (1, 9),
    "disagreement_centi_c": (10, 200),
    "contact_centi_c_min": (3000, 3600),
    "contact_centi_c_max": (4100, 4600),
    "contrast_centi_c": (50, 2000),
    "near_mm": (1, 1000),
    "far_mm": (10, 5000),
    "present_samples": (1, 50),
    "absent_samples": (1, 50),
    "window_s_max": (0.5, 30),
    "accepted_samples_min": (1, 100),
    "accepted_span_s_min": (0, 10),
    "jump_centi_c": (20, 2000),
    "distance_jump_mm": (1, 1000),
    "plateau_samples_max": (1, 100),
    "plateau_samples_min": (1, 100),
    "plateau_centi_c": (1, 200),
    "unstable_mad_centi_c": (5, 200),
    "absence_s": (0.1, 10),
    "stuck_samples": (10, 10_000),
    "stuck_distance_mm": (1, 1000),
    "die_centi_c_min": (-5500, 0),
    "die_centi_c_max": (3000, 12_500),
    "die_change_centi_c": (50, 5000),
    "die_change_s": (5, 3600),
    "warm_up_s": (0, 7200),
    "sample_age_s_max": (0.2, 30),
    "sample_gap_s": (0.1, 30),
    "offset_centi_c": (-500, 500),
    "ambient_coefficient": (-1, 1),
    "box_ambient_centi_c_min": (-5000, 3000),
    "reference_ambient_centi_c": (-2000, 4000),
    "distance_coefficient_centi_c_per_mm": (-20, 20),
    "reference_distance_mm": (1, 1000),
    "device_uncertainty_centi_c": (1, 200),
    "ambient_centi_c": (-5000, 6000),
}
ORDERED: Final = (
    ("skin_centi_c_min", "cold_raw_centi_c"),
    ("cold_raw_centi_c", "fever_centi_c"),
    ("fever_centi_c", "skin_centi_c_max"),
    ("cold_ambient_centi_c", "hot_ambient_centi_c"),
    ("contact_centi_c_min", "contact_centi_c_max"),
    ("near_mm", "far_mm"),
    ("plateau_samples_min", "plateau_samples_max"),
    ("plateau_samples_min", "accepted_samples_min"),
)
"""The first of each pair is never above the second."""
