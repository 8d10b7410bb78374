"""Land for the background of maps that have no grid of their own: one bit a cell of one degree.

Drawn from the shoreline raster of the package global-land-mask 1.0 (Karin 2020, after NOAA's GLOBE,
1/120 degree) at the centres of the cells; importing that package would hold 0.9 GB.
"""

from __future__ import annotations

import base64
import zlib

import numpy as np
from numpy.typing import NDArray

SHAPE = (180, 360)
BITS = (  # rows from 90S, columns from 180W; zlib, base64
    "eNrtmUFvHDUUgO2dbSbQbXZVEKVt2tnSK1IWcUgiqk44wQGhnji2i3rhUImVQCKHNDMVSPQQkf4AIP0FqNxRM6KF9oCUcOPA"
    "YaJIpSBEpo1onHRi45nx2M9jz5K9IVQrUWLvt89v3nu2n98w9n9vqD0Ci9wRWIQ81SXt3Xo2ymBf6/t1LMlY5IB5nBROZMJE"
    "Kr3V4oJDd6hkOfEiCpGPanWOMy1I7SPobSb7FAeil6Z5t4aluRrokBxItC9bYYSuN6801IBdERoJeIz/MnriUq5HnfFipNrH"
    "aOz0YvHvMNvJ5heS0dZWCazYlBbayH6LovwxlxW7p7PoVAq/mcVuaFc5bx/ATub3SFrmQZXFkdadZqF0UYKM1tN6Tv78DXoa"
    "XU5NFrUsYzy67O25Lhqh9dGz9h9rbR5I+KDw7CiSz48GRweHF0eRzIyRuSFwOIJkfwSVUTBUcmsU+LTevRQPgyf0rlcPN/jO"
    "oM/rJ7Wwa2xBfjwMRuvWLbemvazrPBye0SWzWq+8xH8nK3Ct0pmYjq7GcLh7QNjJYD0E2+xXua/D8RgdM8W02W0pimpxftKE"
    "XcbUvCFU2DfPiTaEgRUtR2YOR3ISNS+2wu6IcCwnSXQ4tcCJNDkBRq6BYwvs/psaGTwHJdtgImGKYig5MSNAJhU+/y+BkmML"
    "XNqOZwNYg6WPxsFoLCVLODddWN33HKVbwNUgTalTBofDYWg7ZNM5kbETEjCeqs0GSCASjiC8YEj2NDhJVXDsz/P1qh9kgQYT"
    "tfRZMm8uYR1WG/J0MmMsTADzSaTluNJJz8jUQChyOFEwJl0rTKUfQOg0wm7TYubS+n41KKs0hAMoucMzx5tmOOdBIGAZlPhp"
    "F21adgIbjAnCDh0Gg3DPDp4zDFu8bYFbfGM+m96ywSmqwpOoidrEqgaRJi+tcc558ZUgsQWd0MIBi3/B/xJNhV0L/JeyYhmh"
    "A/+rjnkwtdXcECZBdDS0wqGChWlxHNwbtxy5antwlOPxehDVwKGxrzg9zwbjClwYeqzvRnN2WOxQ02ovbPWd2HoylhfCJFD+"
    "6cTYBuNSzUDd6fiijVBkOf9fECqXV6Q0h7Nwi837y7ZQGcJvIwehNy2S7+9Q7Yqf9R6iRhN1TWs44c59sLyySzviu3+jjY5a"
    "jFEOCpg2chh7YSOyJljwdkz5Xs93f8cPG2Yc+RV4n5s3g1l4eEhCLOBdkm1yGdyyuKQieZuVsBlHapmJks4Gn8pN+UZmXkAx"
    "q8KbPOxcijxqwu3dQfmIAr7Hg8NlPOecMy60Hj8JJjX4c+5vl4V+at5VvXgGhxq8zC3NE5qAmlHkRZ2xcc0aKxyeZjFjfdtN"
    "4jv9Afl3iroIrZquEUSV3ZRmKUfxtesVeBzkcUUg0YDOiMi+W73Lc6N2KnCK9+1VheMc7mlnS8pSt6YE8QmHB/CI4zAJ7NUY"
    "NMW/3odnOG+PGFiMsH3I0rk+ApkL21FwVfIKTLA4TIcUhfBqBU5SB8AN89gu4Q73XdwHBTOCzZOYKBdSrbpGzkbG2UOVC1Ot"
    "qJWc+cU8L2WgeFSHZwL97qPBfDWhK0CNmXZYSaUUzC+R/deA6R7KdaFgGoqsyUvQ+GVYPh1oV31QkMwkP26NbwD4wVCYtE79"
    "DSqNT4kFJuoSOWBt4MLUSP8ATA/doaBsyz3QNeBUDE34m2sshIXpeN6AWU/6yGefwYpnYkqWDvfYKvvRrwtSMfY7cOgWhNOO"
    "CcfPI3vNVdvCVouh5Dyqqf0CeEwMLfXK5VttIFM7XI7dKCQ7Btyr5opZfBX9RwZ8Uzl8RWz1Yu85lwYmLFNTvwIPjKpymF/L"
    "sDLVWrnAJ+LmhFFOzv1yga/tfNYUy4Qras/pinCxqaj4NIoBLFO5cGJehzmZf4YHwhhIwm6E9qaqLzEWiyQPHSuCyGHzpeRZ"
    "MlV9wFP5w91F4hkcFS5X07GKOb6YyONgx5dwlqHk94wgPV8NJecJeOeRZikA8sT9gBhuWQKla67z91x9UVjzTB/SYA9F0lmf"
    "NscSlB2H/OcItbxGoI56X7B9x4v4zS9XHbNlasgmW2oN/4H8Gxl8IvNVcI9aXjtdk2O7PFtw1A1olxThokWI0IftbG8sJ86q"
    "iCUugizzjUt/vyRMt37r9e3IVyn0Sf5ReJEFq7rP+XNcY+8zMnvnB8YzPhHTTv4ngZJ/5s/iPs6nJe0sv+DBSouE4WQ/v9xp"
    "USpW1maQvOuzdXRE230G6Mli8WRfa/UcuvnE3wnzYP0TwPNviVBY0FLLj9aWaLHMt2A1j2cR9I2NSGYMeZj1UHeyXIwhLJte"
    "kvsDLG/9tJ0U8L6EsztHUYFw4XuaE43ja8dSXH3X42bfu1rNIPBkd+KdhYY6O89dkJ9NmoVab/Y36knJ+KI6noitFM9oLK+8"
    "+Bt5QAXWun3c3gu04/DV/H4yby9VM/Ztxt5eKUeawwrb3EjvWepn9Q3TZ29SDtb+Ad0VgXQ="
)


def land() -> NDArray[np.bool_]:
    """(lat, lon) land at the centres of cells of 1 degree, from 90S and 180W."""
    packed = np.frombuffer(zlib.decompress(base64.b64decode(BITS)), np.uint8)
    return np.unpackbits(packed).reshape(SHAPE).astype(bool)
