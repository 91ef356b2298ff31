"""The set-up: from a few answers to a station's file, by a dialogue in a terminal or from a file for many stations.

`answers` is what may be asked, `pieces` what a file is made of, `editing` how a file that is there is changed without losing
its comments, `searching` finds meters and readers, `dialogue` asks. Everything ends in `writing`: whole or
not at all.
"""
