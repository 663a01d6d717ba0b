"""Asks public validators about one file of an incident: validate.py KIND FILE SCHEMAS; prints {"by", "faults", "notes"}.

Needs stix2, stix2-validator, pymisp, lxml, xmlschema (for the schema of XML signatures) and python-docx; of SCHEMAS:
iodef-2.0.xsd (RFC 7970) and ocsf.json (the public schema compiled by ocsf-lib: python -m ocsf.compile REPOSITORY).
"""

import json
import re
import sys
from pathlib import Path


def stix(path, _):
    import logging

    import stix2
    from stix2validator import ValidationOptions, validate_file

    logging.disable(logging.CRITICAL)
    result = validate_file(str(path), ValidationOptions(version="2.1", disabled=""))
    faults = [str(error) for one in result.object_results for error in one.errors]
    notes = [str(note) for one in result.object_results for note in one.warnings]
    if not result.is_valid and not faults:
        faults.append(f"not valid: {result.fatal}")
    bundle = stix2.parse(path.read_text(encoding="utf-8"), allow_custom=False, version="2.1")
    for one in bundle.objects:
        # Ids of observables are worked out again by the package.
        if one["type"] in ("file", "directory"):
            own = {k: v for k, v in json.loads(one.serialize()).items() if k not in ("id", "type", "spec_version")}
            again = stix2.v21.Directory(**own) if one["type"] == "directory" else stix2.v21.File(**own)
            if again.id != one["id"]:
                faults.append(f"{one['id']} should be {again.id}")
    return "stix2-validator, stix2", faults, notes


def misp(path, _):
    import jsonschema
    import pymisp

    faults, notes = [], []
    text = path.read_text(encoding="utf-8")
    data = Path(pymisp.__file__).parent / "data"
    # The lax one: the strict one is older than objects and reports.
    schema = json.loads((data / "schema-lax.json").read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    faults += [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(json.loads(text))]
    event = pymisp.MISPEvent(strict_validation=True)
    event.load(text, validate=True)
    again = json.loads(event.to_json())
    told = json.loads(text)["Event"]
    for key in ("uuid", "info", "date"):
        if again[key] != told[key]:
            faults.append(f"{key} reads back as {again[key]!r}")
    for kind in ("Attribute", "Object", "Tag"):
        if len(again.get(kind, [])) != len(told[kind]):
            faults.append(f"{kind}: {len(again.get(kind, []))} of {len(told[kind])} read back")
    for one in told["Object"]:
        template = pymisp.MISPObject(one["name"], strict=True)
        if template.template_uuid != one["template_uuid"]:
            faults.append(f"template of {one['name']}")
        for attribute in one["Attribute"]:
            template.add_attribute(attribute["object_relation"], **{k: attribute[k] for k in ("type", "value", "category")})
        template.to_json(strict=True)
    return "pymisp, its JSON schema and misp-objects", faults, notes


STUBS = {
    # Their content is looked at by other standards; we write none of it.
    "iodef-enum": '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" '
    'targetNamespace="urn:ietf:params:xml:ns:iodef-enum-1.0"><xs:element name="ReferenceName"/></xs:schema>',
    "iodef-sci": '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" '
    'targetNamespace="urn:ietf:params:xml:ns:iodef-sci-1.0"><xs:element name="AttackPattern"/>'
    '<xs:element name="Vulnerability"/><xs:element name="Weakness"/></xs:schema>',
    "xml.xsd": '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" '
    'targetNamespace="http://www.w3.org/XML/1998/namespace">'
    '<xs:attribute name="lang" type="xs:language"/></xs:schema>',
}


def iodef(path, schemas):
    import xmlschema
    from lxml import etree

    class Resolver(etree.Resolver):
        def resolve(self, url, _id, context):
            for word, text in STUBS.items():
                if word in url and "iodef-2.0" not in url:
                    return self.resolve_string(text, context)
            if "xmldsig-core-schema" in url:
                found = next(Path(xmlschema.__file__).parent.rglob("xmldsig-core-schema.xsd"))
                text = re.sub(r"<!DOCTYPE.*?\]>", "", found.read_text(), flags=re.S)
                return self.resolve_string(text, context)
            return None

    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Resolver())
    schema = etree.XMLSchema(etree.parse(str(schemas / "iodef-2.0.xsd"), parser))
    document = etree.parse(str(path), etree.XMLParser(no_network=True, resolve_entities=False))
    schema.validate(document)
    return "iodef-2.0.xsd of RFC 7970, by libxml2", [f"{e.line}: {e.message}" for e in schema.error_log], []


def ocsf(path, schemas):
    schema = json.loads((schemas / "ocsf.json").read_text())
    event = json.loads(path.read_text(encoding="utf-8"))
    faults, notes = [], []
    simple = schema["types"]

    def active(attribute):
        # An attribute of a profile counts where the event says that it has the profile.
        return attribute.get("profile") in (None, *event["metadata"].get("profiles", []))

    def value(where, told, given):
        kind = told["type"]
        if told.get("object_type") or kind in schema["objects"]:
            if not isinstance(given, dict):
                return faults.append(f"{where} is no object")
            return thing(where, schema["objects"][told.get("object_type") or kind], given)
        base = simple[kind].get("type") or kind
        expected = {"string_t": str, "integer_t": int, "long_t": int, "timestamp_t": int, "boolean_t": bool, "float_t": float}
        if base in expected and (not isinstance(given, expected[base]) or (base != "boolean_t" and isinstance(given, bool))):
            faults.append(f"{where} is no {base}")
        pattern = simple[kind].get("regex")
        if pattern and isinstance(given, str) and not re.search(pattern, given):
            faults.append(f"{where} is no {kind}: {given!r}")
        if told.get("enum") and str(given) not in told["enum"]:
            faults.append(f"{where} is {given!r}, not of its list")

    def thing(where, told, given):
        known = told["attributes"]
        for key, one in given.items():
            if key not in known or not active(known[key]):
                faults.append(f"{where}.{key} is not known")
                continue
            if known[key].get("@deprecated"):
                notes.append(f"{where}.{key} is deprecated")
            if bool(known[key].get("is_array")) != isinstance(one, list):
                faults.append(f"{where}.{key}: array or not")
                continue
            for each in one if isinstance(one, list) else [one]:
                value(f"{where}.{key}", known[key], each)
            caption, sibling = (known[key].get("enum") or {}).get(str(one)), known[key].get("sibling")
            if caption and sibling in given and given[sibling] != caption["caption"]:
                faults.append(f"{where}.{sibling} is {given[sibling]!r}, not {caption['caption']!r}")
        for key, attribute in known.items():
            if attribute.get("requirement") == "required" and key not in given and active(attribute):
                faults.append(f"{where}.{key} is missing")
        for rule, keys in (told.get("constraints") or {}).items():
            count = sum(key in given for key in keys)
            if (rule == "at_least_one" and count < 1) or (rule == "just_one" and count != 1):
                faults.append(f"{where}: {rule} of {keys}")

    if event["metadata"]["version"] != schema["version"]:
        faults.append(f"version {event['metadata']['version']}, the schema's is {schema['version']}")
    told = schema["classes"]["incident_finding"]
    thing("event", told, event)
    return f"the public schema {schema['version']}, compiled by ocsf-lib", faults, notes


def docx(path, _):
    import docx as reader

    document = reader.Document(str(path))
    rows = [[cell.text for cell in row.cells] for table in document.tables for row in table.rows]
    faults = [] if rows and all(len(row) == 2 and row[0] for row in rows) else ["no table of two columns"]
    heads = [paragraph.text for paragraph in document.paragraphs if paragraph.text]
    if not heads or heads[0] != "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM":
        faults.append("no head of an official paper")
    return "python-docx", faults, [f"{len(rows)} rows, {len(heads)} paragraphs"]


def main():
    kind, path, schemas = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    by, faults, notes = {"stix": stix, "misp": misp, "iodef": iodef, "ocsf": ocsf, "docx": docx}[kind](path, schemas)
    print(json.dumps({"by": by, "faults": faults, "notes": notes}, ensure_ascii=False))


main()
