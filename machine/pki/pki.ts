/** The certificates of one etcd. */
// tsyringe, under @peculiar/x509, throws at import without it.
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import * as x509 from "@peculiar/x509";
import type { Pki } from "./pki-texts";

/** Who is to be named in the certificates. */
export interface PkiRequest {
  /** IP addresses at which the server is dialled. 127.0.0.1 and ::1 are always added. */
  readonly addresses: readonly string[];
  /** DNS names at which the server is dialled. localhost is always added. */
  readonly dnsNames: readonly string[];
}

const DAY = 24 * 3600 * 1000;

// A restored etcd is a lab: some live for a year, none should die of a date. Nothing can renew these, because the
// CA's key is gone, and nothing need revoke them: the CA is trusted by this one etcd and ends with it.
const VALID_DAYS = 3650;
/** A machine whose clock is behind must not refuse a certificate that was just made. */
const SKEW_DAYS = 1;

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/**
 * Makes a CA and, signed by it, the certificates of a server, of a peer, of a client, and of a client named root.
 *
 * ECDSA on P-256, valid from a day ago for ten years, random serial numbers. The CA's key never leaves this
 * function, so nobody can ever sign another certificate for this etcd.
 * @throws TypeError if an address is no IP address, or a name is none.
 */
export async function makePki(request: PkiRequest): Promise<Pki> {
  const names = subjectAlternativeNames(request);
  const now = Math.floor(Date.now() / 1000) * 1000; // X.509 knows seconds only
  const validity = {
    notBefore: new Date(now - SKEW_DAYS * DAY),
    notAfter: new Date(now + VALID_DAYS * DAY),
  };
  const caKeys = await generateKeys();
  const ca = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: [{ CN: ["etcd-restore CA"] }],
      ...validity,
      signingAlgorithm: ALGORITHM,
      keys: caKeys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
        await x509.SubjectKeyIdentifierExtension.create(caKeys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );

  const issuer: Issuer = { name: ca.subjectName, keys: caKeys, validity };
  const sign = (...of: [string, readonly x509.ExtendedKeyUsage[], x509.JsonGeneralNames]) =>
    signed(issuer, ...of);

  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  // The server's and the peer's serve both ways: etcd's own HTTP gateway dials the server with the server's
  // certificate, and peers dial each other.
  const server = await sign("etcd server", [serverAuth, clientAuth], names);
  const peer = await sign("etcd peer", [serverAuth, clientAuth], names);
  const client = await sign("etcd-restore", [clientAuth], []);
  // In a store with authentication on, etcd takes a client without a password for the user of its certificate's name.
  const root = await sign("root", [clientAuth], []);
  return {
    ca: pem(ca),
    server: server.certificate,
    serverKey: server.key,
    peer: peer.certificate,
    peerKey: peer.key,
    client: client.certificate,
    clientKey: client.key,
    root: root.certificate,
    rootKey: root.key,
  };
}

/** Who signs, and for how long. */
interface Issuer {
  readonly name: x509.Name;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly validity: { readonly notBefore: Date; readonly notAfter: Date };
}

async function signed(
  issuer: Issuer,
  commonName: string,
  usages: readonly x509.ExtendedKeyUsage[],
  alternatives: x509.JsonGeneralNames,
): Promise<{ readonly certificate: string; readonly key: string }> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      subject: [{ CN: [commonName] }],
      issuer: issuer.name,
      ...issuer.validity,
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: issuer.keys.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([...usages]),
        ...(alternatives.length > 0
          ? [new x509.SubjectAlternativeNameExtension(alternatives)]
          : []),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        await x509.AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { certificate: pem(certificate), key: await privateKeyPem(keys.privateKey) };
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

/** 126 random bits, the first two fixed: positive, as X.509 wants it, and with no zero in front, as DER does. */
function serialNumber(): string {
  const bytes = Buffer.from(webcrypto.getRandomValues(new Uint8Array(16)));
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0);
  return bytes.toString("hex");
}

function subjectAlternativeNames(request: PkiRequest): x509.JsonGeneralNames {
  const addresses = [...new Set([...request.addresses, "127.0.0.1", "::1"])];
  const dnsNames = [...new Set([...request.dnsNames, "localhost"])];
  for (const address of addresses) {
    if (isIP(address) === 0)
      throw new TypeError(`cannot make certificates: "${address}" is no IP address`);
  }
  for (const name of dnsNames) {
    if (!/^(\*\.)?\w([\w.-]*\w)?$/.test(name)) {
      throw new TypeError(`cannot make certificates: "${name}" is no DNS name`);
    }
  }
  return [
    ...addresses.map((value) => ({ type: "ip" as const, value })),
    ...dnsNames.map((value) => ({ type: "dns" as const, value })),
  ];
}

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString("pem")}\n`;
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const raw = await webcrypto.subtle.exportKey("pkcs8", key);
  return `${x509.PemConverter.encode(raw, x509.PemConverter.PrivateKeyTag)}\n`;
}
