"""Stack files as people write them, for `infra.config.stack_file` and for the real CLI, which must agree on each."""

PROJECT = """
name: shop
runtime: python
config:
  shop:all:
    default: {size: 512, share: 0.25, words: [a, b], on: true}
  plain: 7
  shop:text:
    default: yes
  shop:account.region:
    default: eu-central-1
  shop:account.count:
    default: 3
  aws:region: eu-west-1
"""

SCALARS = """
012345678901 | 111111111111 | 0123 | 0o17 | 0x1F | 0b101 | 1_000 | 1e3 | 1E3 | 512.0 | 0.25 | .5 | 5. | -3 | +4 | 1e400
-0x10 | 9223372036854775808 | 18446744073709551616 | 1e21 | 1e-7 | 12:30:45 | 1:30 | yes | No | on | y | true | True
TRUE | false | tRUE | ~ | null | Null | 2026-01-31 | 2026-1-3 | 2026-01-31T10:20:30Z | 2026-01-31t10:20:30.250+02:00
2026-01-31 10:20:30 | 2026-02-31 | 2026-01-31T10:20:30 | "0.2" | '0.2' | !!str 12 | !!int "12" | !!float 3 | !own 5
1__0 | 0x_1F | 08 | 00 | 0 | -0 | -0.0 | 0.1e1 | .inf.x | = | 1.2.3 | 1,000 | 0x | 0b2 | a#b | "a\\u00e9b"
1e15 | 1e16 | 123456789.5 | !!binary aGFsbG8= | 1e+06 | 12e03 | 685.230_15e+03 | 0o8 | -.5 | +.5 | .5e3 | "" | <a&b>
"""

GOOD = {
    "empty": "",
    "nothing configured": "encryptionsalt: v1:abc\n",
    "no value": "config:\n",
    "null at the top": "config:\n  shop:text:\n  shop:other: ~\n",
    "keys without a namespace": "config:\n  text: a\n  size: 3\n",
    "the namespace of old": "config:\n  shop:config:text: a\n",
    "anchors and merges": (
        "base: &base {a: 1, b: 2}\nmore: &more {b: 3, c: 4}\nconfig:\n  shop:one:\n    <<: [*base, *more]\n    a: 9\n"
        "  shop:two: *more\n"
    ),
    "an anchor given again": "x: &a 1\ny: &a 2\nconfig:\n  shop:one: {v: *a}\n",
    "keys that are no strings": "config:\n  shop:one: {1: a, true: b, 0x10: c, ~: d, 1.5: e}\n",
    "a secret": "encryptionsalt: v1:abc\nconfig:\n  shop:one:\n    deep:\n      - secure: v1:abc\n      - plain\n",
    "a secret at the top": "config:\n  shop:one:\n    secure: v1:abc\n",
    "secure beside another": "config:\n  shop:one: {secure: x, other: y}\n",
    "secure that is no text": "config:\n  shop:one: {secure: 5}\n",
    "an object as text": "config:\n  shop:all: '{\"size\": 1}'\n",
    "an object of one's own": "config:\n  shop:all: {size: 3}\n",
    "part of a path given": "config:\n  shop:account: {region: us-east-1}\n",
    "blocks": "config:\n  shop:one: |\n    two\n    lines\n  shop:two: >-\n    folded\n    text\n",
    "two documents": "config:\n  shop:one: 1\n---\nconfig:\n  shop:two: 2\n",
    "a mark of byte order": "\ufeffconfig:\n  shop:one: 1\n",
    "no config at all": "secretsprovider: awskms://alias/x\nencryptedkey: abc\n",
    "a null within": "config:\n  shop:one: {a: , b: ~}\n",
}

BAD = {
    "a key twice": ("config:\n  shop:one: 1\n  shop:one: 2\n", "already defined at line 2"),
    "a key twice within": ('config:\n  shop:one: {a: 1, "a": 2}\n', "already defined at line 2"),
    "three parts": ("config:\n  a:b:c: 1\n", "could not parse a:b:c as a configuration key"),
    "a number as a key": ("config:\n  1: a\n", "could not parse 1 as a configuration key"),
    "a list": ("- config\n", "expected project to be an object"),
    "config is a list": ("config: [a]\n", "could not unmarshal map"),
    "a tab": ("config:\n\tshop:one: 1\n", "invalid YAML file"),
    "open": ("config: {a: [1\n", "invalid YAML file"),
    "a number at the root": ("1: a\n", "expected only string keys"),
    "no such anchor": ("config:\n  shop:one: *nowhere\n", "invalid YAML file"),
    "an anchor in itself": ("config:\n  shop:one: &a {b: *a}\n", "contains itself"),
    "a merge of a text": (
        "config:\n  shop:one: {<<: text}\n",
        "map merge requires map or sequence of maps as the value",
    ),
    "no whole number": ("config:\n  shop:one: !!int text\n", "cannot decode !!str `text` as a !!int"),
    "no number": ("config:\n  shop:one: .nan\n", "json: unsupported value: NaN"),
    "infinite": ("config:\n  shop:one: [-.inf]\n", "json: unsupported value: -Inf"),
}


def scalars() -> list[str]:
    """Each as it stands in a file."""
    return [each for line in SCALARS.strip().splitlines() for each in line.split(" | ")]


def of_scalars() -> str:
    """A stack's file with each of them at the top, in an object and in a list."""
    lines = ["config:"]
    for number, each in enumerate(scalars()):
        lines += [
            f"  shop:top{number}: {each}",
            f"  shop:in{number}:",
            f"    a: {each}",
            f"    b: [1, {number}]",
            "    c:",
            f"      - {each}",
        ]
    return "\n".join(lines) + "\n"
