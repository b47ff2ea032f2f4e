# SPDX-License-Identifier: GPL-2.0
"""The processors that a lab can have: Bochs' models with VT-x, and what each needs to boot.

The feature columns are read off the models' VMX capability MSRs; a column says what the model
advertises, not what a driver makes of it. `options` goes to the host kernel's command line.
"""

DEFAULT = "broadwell_ult"

# These hang on a stock boot with XSAVE and the newer features on.
NO_XSAVE = "noxsave clearcpuid=fsrm,erms,smap,umip,pcid,invpcid,xsaves"
# Its XSAVE area has a hole that Linux warns about before it drops XSAVE.
BAD_XSAVE = "noxsave"
# Without this Linux finds XSAVE's sizes inconsistent and drops XSAVE and AVX.
NO_XSAVEC = "clearcpuid=xsavec,xsaves"

E, U, V, R, I, J, P, S, M = ("EPT", "UG", "VPID", "APICreg", "VID", "PI", "PML", "TSCscale", "MTF")
COLUMNS = (E, U, V, R, I, J, P, S, M)

# name: (features, kernel options)
MODELS = {
    "core2_penryn_t9600": ((), ""),
    "corei5_lynnfield_750": ((E, V), ""),
    "corei5_arrandale_m520": ((E, U, V), ""),
    "corei7_sandy_bridge_2600k": ((E, U, V), ""),
    "corei7_ivy_bridge_3770k": ((E, U, V), ""),
    "corei7_haswell_4770": ((E, U, V, R, I), ""),
    "broadwell_ult": ((E, U, V, R, I), ""),
    "corei7_skylake_x": ((E, U, V, R, I, P, S), NO_XSAVEC),
    "corei3_cnl": ((E, U, V, S), BAD_XSAVE),
    "corei7_icelake_u": ((E, U, V, R, I, P, S, M), NO_XSAVE),
    "tigerlake": ((E, U, V, R, I, P, S, M), NO_XSAVE),
    "sapphire_rapids": ((E, U, V, R, I, J, P, S, M), NO_XSAVE),
}
NEWER = ("sapphire_rapids",)    # models of the newer emulator alone: `lab fetch --newer`

LEGEND = """
EPT       second-level page tables          APICreg   APIC-register virtualization
UG        unrestricted guest (real mode)    VID       virtual-interrupt delivery
VPID      tagged TLB                        PI        posted interrupts
PML       page-modification log             TSCscale  TSC multiplier
MTF       monitor trap flag
"""


def table():
    """The models as an aligned table."""
    rows = [("MODEL",) + COLUMNS + ("KERNEL OPTIONS",)]
    for name, (features, options) in MODELS.items():
        mark = " (default)" if name == DEFAULT else " (newer Bochs)" if name in NEWER else ""
        cells = tuple("yes" if c in features else "-" for c in COLUMNS)
        rows.append((name + mark,) + cells + (options or "-",))
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows]
    return "\n".join(lines) + "\n" + LEGEND
