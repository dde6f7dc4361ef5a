"""A C2PA manifest beside a file: what made it, and a signature over its hash.

It needs the extra `provenance`; where that is installed, a manifest is written unasked. It lies in
a file of its own, NAME.SUFFIX.c2pa: a signature differs at every signing, and inside it would
change the bytes that a seed promises. Unasked, the key is made for the one file and thrown away, so
that no two files are known to be of one person; who asks to sign has a key that is made at the
first signing and stays with the user. Either certificate is nobody's: it proves that the file was
not changed since, not who signed it.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kineograph.files import SIGNATURE, placed
from kineograph.media.notes import SOURCES
from kineograph.values.errors import InputError, KineographError, MissingError

MIMES = {
    ".png": "image/png",
    ".apng": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".mp4": "video/mp4",
}
SIGNED = "sign .png, .apng, .jpg, .webp, .gif or .mp4"


def state_of(path: Path) -> tuple[str, tuple[str, ...]]:
    """The manifest's state in words, and what does not hold."""
    beside = path.with_name(path.name + SIGNATURE)
    here = beside.is_file() or _is_inside(path)
    if not here:
        return "no C2PA manifest", ()
    if find_spec("c2pa") is None:
        return "a C2PA manifest, not read: pip install 'kineograph[provenance]'", ()
    return _read(path, beside if beside.is_file() else None)


def _is_inside(path: Path) -> bool:
    """Whether a file holds a manifest store, known by its box's label."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        before = b""
        while piece := file.read(2**22):
            if b"jumdc2pa" in before + piece:
                return True
            before = piece[-16:]
    return False


def _read(path: Path, beside: Path | None) -> tuple[str, tuple[str, ...]]:
    """The state that the library finds: of the file's hash, of the signature, of the signer."""
    import c2pa

    told = None if beside is None else beside.read_bytes()
    try:
        with path.open("rb") as file, c2pa.Reader(MIMES[path.suffix.lower()], file, told) as reader:
            state = str(reader.get_validation_state() or "")
            results = json.loads(reader.json()).get("validation_status", [])
    except KeyError:
        return "a C2PA manifest, of a kind of file that is not checked", ()
    except c2pa.C2paError as error:
        return "a C2PA manifest that cannot be read", (f"the manifest: {str(error)[:200]}",)
    codes = [str(one.get("code", "")) for one in results]
    if state == "Invalid":
        wrong = [code for code in codes if "untrusted" not in code]
        return "a C2PA manifest that does not hold", (f"the manifest: {', '.join(wrong)[:300]}",)
    nobody = "; the signer is nobody known: it proves integrity, not identity"
    return "a C2PA manifest that holds" + (nobody if state != "Trusted" else ""), ()


def unasked(path: Path, record: Mapping[str, Any]) -> Path | None:
    """Write the manifest of a file beside it by a key of this one file; gives its path.

    None where the extra is not installed, or the kind of file has no manifest.
    """
    is_known = path.suffix.lower() in MIMES and path.is_file()
    if not is_known or find_spec("c2pa") is None or find_spec("cryptography") is None:
        return None
    return sign(path, record, by_user=False)


def sign(path: Path, record: Mapping[str, Any], *, by_user: bool = True) -> Path:
    """Write the manifest of a file beside it; gives its path.

    record: whose `source` and `kineograph` it tells, and nothing else. by_user: by the key that
    stays with the user; otherwise by one that is thrown away. Raises InputError for a file that the
    library signs none of, MissingError without the extra, KineographError where signing fails.
    """
    try:
        import c2pa
        import cryptography
    except ImportError as error:
        remedy = "install it: pip install 'kineograph[provenance]'"
        raise MissingError(f"signing needs c2pa-python and cryptography; {remedy}") from error
    assert cryptography
    mime = MIMES.get(path.suffix.lower())
    if mime is None or not path.is_file():
        raise InputError("sign", f"'{path.name}' is of a kind that has no manifest", SIGNED)
    term = str(record.get("source", ""))
    action = {"action": "c2pa.created", "digitalSourceType": SOURCES + term}
    told = {
        "claim_generator_info": [{"name": "kineograph", "version": str(record.get("kineograph"))}],
        "format": mime,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
    }
    settings = {"builder": {"thumbnail": {"enabled": False}}}
    identity = _identity() if by_user else _fresh_identity("one file")
    certificate, key = (text.encode() for text in identity)
    info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, certificate, key, None)
    try:
        with (
            c2pa.Context(c2pa.Settings.from_dict(settings)) as context,
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(told, context) as builder,
            path.open("rb") as file,
        ):
            builder.set_no_embed()
            made = builder.sign(signer, mime, file, io.BytesIO())
    except c2pa.C2paError as error:
        raise KineographError(f"'{path.name}' could not be signed ({str(error)[:200]})") from error
    target = path.with_name(path.name + SIGNATURE)
    with placed(target) as part:
        part.write_bytes(made)
    return target


def _identity() -> tuple[str, str]:
    """A certificate chain and its key, as PEM; made at the first call, for this user to read."""
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "kineograph"
    kept = folder / "signing.pem"
    if not kept.is_file():
        with placed(kept) as part:
            part.touch(mode=0o600)
            part.write_text("\n".join(_fresh_identity("one user")), "ascii")
            part.chmod(0o600)
    whole = kept.read_text("ascii")
    at = whole.index("-----BEGIN PRIVATE KEY")
    return whole[:at], whole[at:]


def _fresh_identity(of: str) -> tuple[str, str]:
    """A new key, its certificate, and that of the authority made for it; no name of a person."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def named(what: str) -> x509.Name:
        titles = [
            (NameOID.ORGANIZATION_NAME, "kineograph, self-signed"),
            (NameOID.COMMON_NAME, what),
        ]
        return x509.Name([x509.NameAttribute(kind, value) for kind, value in titles])

    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    now = datetime.now(UTC) - timedelta(days=1)
    authority, signer = named(f"authority of {of}"), named(f"signer of {of}")
    made = []
    for subject, key, is_authority in ((signer, keys[1], False), (authority, keys[0], True)):
        usage = x509.KeyUsage(
            digital_signature=not is_authority,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=is_authority,
            crl_sign=is_authority,
            encipher_only=False,
            decipher_only=False,
        )
        issuer_key = keys[0].public_key()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), False)
        )
        if not is_authority:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            certificate = certificate.add_extension(purpose, critical=False)
        signed = certificate.sign(keys[0], hashes.SHA256())
        made.append(signed.public_bytes(serialization.Encoding.PEM).decode("ascii"))
    secret = keys[1].private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return "".join(made), secret.decode("ascii")
