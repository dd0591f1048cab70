import Glibc
import NetCore

/// TLS towards the daemon, as options wish it and, where they say nothing, the environment: `--tls`, `--tlsverify`, `--tlscacert`,
/// `--tlscert`, `--tlskey`; `BERTH_TLS`, `BERTH_TLS_VERIFY`, `BERTH_CERT_PATH`. The names and their sense are Docker's.
public struct TLSChoice: Hashable, Sendable {
    public var isWanted: Bool?
    public var verifies: Bool?
    public var authority: String?
    public var certificate: String?
    public var key: String?

    public init() {}

    /// What a connection is made with.
    public struct Files: Hashable, Sendable {
        /// Who signs the daemon's certificate; nil: whoever answers is believed.
        public let authority: String?
        /// Ours, both or none.
        public let certificate: String?
        public let key: String?

        public init(authority: String?, certificate: String?, key: String?) {
            self.authority = authority
            self.certificate = certificate
            self.key = key
        }
    }

    /// Whether TLS is spoken, and with which files; nil: it is not. `environment` gives a variable's value.
    /// Throws when options contradict each other, or a file is missing or may not be read.
    public func files(_ environment: (String) -> String?) throws(ClientError) -> Files? {
        func isSet(_ name: String) -> Bool { !(environment(name) ?? "").isEmpty }
        let verifies = verifies ?? isSet("BERTH_TLS_VERIFY")
        guard verifies || isWanted ?? isSet("BERTH_TLS") else {
            if let (option, _) = [("--tlscacert", authority), ("--tlscert", certificate), ("--tlskey", key)].first(
                where: {
                    $0.1 != nil
                })
            {
                throw ClientError("\(option) without TLS", fix: "add --tlsverify")
            }
            return nil
        }
        let directory =
            environment("BERTH_CERT_PATH").flatMap { $0.isEmpty ? nil : $0 }
            ?? (environment("HOME") ?? "/root") + "/.berth"
        var trusted: String?
        if verifies {
            trusted = authority ?? "\(directory)/ca.pem"
            try Self.mustRead(
                trusted!, "who signs the daemon's certificate",
                fix: "name it: --tlscacert FILE, or BERTH_CERT_PATH, the directory of ca.pem, cert.pem and key.pem")
        }
        let certificate = certificate ?? Self.standing("\(directory)/cert.pem")
        let key = key ?? Self.standing("\(directory)/key.pem")
        guard let certificate, let key else {
            if let certificate {
                throw ClientError("\(certificate) has no key", fix: "name it: --tlskey FILE, or \(directory)/key.pem")
            }
            if let key {
                throw ClientError(
                    "\(key) has no certificate", fix: "name it: --tlscert FILE, or \(directory)/cert.pem")
            }
            return Files(authority: trusted, certificate: nil, key: nil)
        }
        try Self.mustRead(certificate, "our certificate", fix: "name it: --tlscert FILE")
        try Self.mustRead(key, "our certificate's key", fix: "name it: --tlskey FILE")
        return Files(authority: trusted, certificate: certificate, key: key)
    }

    private static func standing(_ path: String) -> String? { access(path, F_OK) == 0 ? path : nil }

    private static func mustRead(_ path: String, _ what: String, fix: String) throws(ClientError) {
        guard access(path, R_OK) != 0 else { return }
        throw ClientError("cannot read \(path), \(what)", by: Errno.current.description, fix: fix)
    }
}
