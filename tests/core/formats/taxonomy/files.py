"""Taxonomy files for tests: writing them, what was read, and one small taxonomy in each format."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from pathlib import Path

from core.corpus.taxonomy import Taxonomy

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstd.compress,
}
"""By the ending of the file's name."""
ANIMALS = [
    ("animals", None, "Animals"),
    ("dogs", "animals", "Dogs"),
    ("cats", "animals", "Cats"),
    ("food", None, "Food"),
    ("bread", "food", "Bread"),
]
"""What each of `IN_EVERY_FORMAT` says, but for names where a format has none."""
_PREFIXES = """\
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix : <http://kinds.example/> .
"""
TURTLE = (
    _PREFIXES
    + """
:kinds a skos:ConceptScheme ; skos:hasTopConcept :animals, :food .
:animals a skos:Concept ; skos:prefLabel "Animals"@en ; skos:topConceptOf :kinds .
:dogs a skos:Concept ; skos:prefLabel "Dogs"@en ; skos:broader :animals .
:cats a skos:Concept ; skos:prefLabel "Cats"@en ; skos:broader :animals .
:food a skos:Concept ; skos:prefLabel "Food"@en ; skos:narrower :bread .
:bread a skos:Concept ; skos:prefLabel "Bread"@en .
"""
)
RDF_XML = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE rdf:RDF [<!ENTITY skos "http://www.w3.org/2004/02/skos/core#">]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:skos="&skos;"
         xml:base="http://kinds.example/">
  <skos:Concept rdf:about="animals">
    <skos:prefLabel xml:lang="en">Animals</skos:prefLabel>
    <skos:definition rdf:parseType="Literal"><p xml:lang="en">they move</p></skos:definition>
    <skos:narrower>
      <skos:Concept rdf:about="dogs"><skos:prefLabel>Dogs</skos:prefLabel></skos:Concept>
    </skos:narrower>
  </skos:Concept>
  <skos:Concept rdf:about="cats">
    <skos:prefLabel>Cats</skos:prefLabel><skos:broader rdf:resource="animals"/>
  </skos:Concept>
  <skos:Concept rdf:about="food"><skos:prefLabel>Food</skos:prefLabel></skos:Concept>
  <skos:Concept rdf:about="bread">
    <skos:prefLabel>Bread</skos:prefLabel><skos:broader rdf:resource="food"/>
  </skos:Concept>
</rdf:RDF>
"""
_CORE = "http://www.w3.org/2004/02/skos/core#"
_IS_CONCEPT = f"<http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <{_CORE}Concept>"
N_TRIPLES = "# kinds\n" + "".join(
    f"<http://kinds.example/{id_}> {_IS_CONCEPT} .\n"
    f'<http://kinds.example/{id_}> <{_CORE}prefLabel> "{name}"@en .\n'
    + (f"<http://kinds.example/{id_}> <{_CORE}broader> <http://kinds.example/{parent}> .\n")
    * (parent is not None)
    for id_, parent, name in ANIMALS
)
JSON_LD = """\
{
  "@context": {
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "@base": "http://kinds.example/",
    "name": {"@id": "skos:prefLabel", "@container": "@language"},
    "in": {"@id": "skos:broader", "@type": "@id"}
  },
  "@graph": [
    {"@id": "animals", "@type": "skos:Concept", "name": {"en": "Animals", "de": "Tiere"}},
    {"@id": "dogs", "@type": "skos:Concept", "name": {"en": "Dogs"}, "in": "animals"},
    {"@id": "cats", "@type": "skos:Concept", "name": {"en": "Cats"}, "in": "animals"},
    {"@id": "food", "@type": "skos:Concept", "name": {"en": "Food"}},
    {"@id": "bread", "@type": "skos:Concept", "name": {"en": "Bread"}, "in": "food"}
  ]
}
"""
EDGES = "parent\tid\tname\n" + "".join(
    f"{parent or ''}\t{id_}\t{name}\n" for id_, parent, name in ANIMALS
)
PAIRS = "animals\tdogs\nanimals\tcats\nfood\tbread\n"
NEURALCLASSIFIER = "Root\tanimals\tfood\nanimals\tdogs\tcats\nfood\tbread\n"
RCV1_HIER = "parent: None child: Root child-description: Root\n" + "".join(
    f"parent: {parent or 'Root'}   child: {id_}   child-description: {name}\n"
    for id_, parent, name in ANIMALS
)
INDENTED = "animals\tAnimals\n\tdogs\tDogs\n\tcats\tCats\nfood\tFood\n\tbread\tBread\n"

IN_EVERY_FORMAT = {
    "kinds.tsv": ("edges", EDGES),
    "pairs.tsv": ("edges", PAIRS),
    "kinds.taxonomy": ("neuralclassifier", NEURALCLASSIFIER),
    "kinds.hier.orig": ("rcv1-hier", RCV1_HIER),
    "outline.txt": ("indented", INDENTED),
    "kinds.ttl": ("skos", TURTLE),
    "kinds.rdf": ("skos", RDF_XML),
    "kinds.nt": ("skos", N_TRIPLES),
    "kinds.jsonld": ("skos", JSON_LD),
}
"""File name → (format, content)."""


def written(folder: Path, content: str | bytes, name: str = "taxonomy.tsv") -> Path:
    """A file with that content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def shape(taxonomy: Taxonomy) -> list[tuple[str, str | None, str]]:
    """Id, parent and name of each category, in order."""
    return [(category.id, category.parent, category.name) for category in taxonomy]
