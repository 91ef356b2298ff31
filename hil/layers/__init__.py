"""One charge story, two layers: a station on virtual drivers and one on real drivers over an emulated kernel, compared.

    script/hil --help

Behind both stands the same bench (`hil.bench`): its world plays car, meter, card and fuse box, its control socket is how a
story moves them. `harness` wires that world to the lines and chips of `hil.kernel` and `hil.chips`; `stage` brings one layer
up; `play` is what a story may do and wait for; `stories` are the stories; `eye` reads lamps; `account` is what Central System
and world have noticed, and where two accounts differ; `figures` is the benchmark. docs/hil.md explains them.
"""
