#if Daemon
    import NIOCore
    import NIOPosix
    import NIOSSL
    import NetCore
    import Synchronization

    /// Why there is no connection, in words for people.
    public struct TLSRefusal: Error {
        public let message: String
        public let by: String?
        public let fix: String?

        init(_ message: String, by: String?, fix: String? = nil) {
            self.message = message
            self.by = by
            self.fix = fix
        }
    }

    /// What went wrong on one connection: first what the event loop saw, then what that means.
    final class TLSFailure: Sendable {
        /// Nobody said anything for too long.
        struct Silence: Error {}

        private let host: String
        private let port: Int
        private let files: TLSLink.Files
        private let state = Mutex((seen: (any Error)?.none, isShaken: false))

        init(host: String, port: Int, files: TLSLink.Files) {
            self.host = host
            self.port = port
            self.files = files
        }

        var isShaken: Bool {
            get { state.withLock { $0.isShaken } }
            set { state.withLock { $0.isShaken = newValue } }
        }
        /// The first counts: what comes after is its consequence.
        func note(_ error: any Error) { state.withLock { if $0.seen == nil { $0.seen = error } } }
        /// What ended a connection that was there; nil when TLS saw nothing wrong.
        var known: TLSRefusal? { state.withLock { $0.seen }.map { refusal($0) } }

        private var place: String { host.contains(":") ? "tcp://[\(host)]:\(port)" : "tcp://\(host):\(port)" }

        /// The words for an error, or for the one that it followed from.
        func refusal(_ error: any Error) -> TLSRefusal {
            let error = state.withLock { $0.seen } ?? error
            switch error {
            case let error as NIOConnectionError: return unreached(error)
            case is Silence: return noTLS("it says nothing for \(TLSLink.patience.nanoseconds / 1_000_000_000) seconds")
            case let error as NIOSSLExtraError where error == .failedToValidateHostname: return wrongName
            case NIOSSLError.unableToValidateCertificate: return wrongName
            case NIOSSLError.uncleanShutdown where isShaken, is IOError where isShaken:
                return TLSRefusal(
                    "\(place) broke off without the end that TLS has",
                    by:
                        "the daemon ended or was cut off, or refuses \(files.own?.certificate ?? "who shows no certificate")",
                    fix: "see what its log says, and whether it still runs")
            case NIOSSLError.uncleanShutdown, ChannelError.eof, is IOError: return noTLS("it closed the connection")
            case let error as KernelError: return TLSRefusal("cannot \(error.operation)", by: "\(error.errno)")
            default: return meant("\(error)")
            }
        }

        private func meant(_ text: String) -> TLSRefusal {
            let alert = text.range(of: "_ALERT_").map {
                String(text[$0.upperBound...].prefix { $0.isLetter || $0 == "_" })
            }
            if text.contains("CERTIFICATE_VERIFY_FAILED") {
                return TLSRefusal(
                    "\(place) shows a certificate that is not to be trusted",
                    by:
                        "no authority in \(files.authority ?? "the list") has signed it, or it is not valid now, or not for servers",
                    fix:
                        "name who signs it: --tlscacert FILE, or ca.pem in BERTH_CERT_PATH; if it is new there, ask who runs that daemon"
                )
            }
            if text.contains("PROTOCOL_VERSION") || text.contains("UNSUPPORTED_PROTOCOL") {
                return TLSRefusal("\(place) speaks no TLS that is young enough", by: "1.2 or 1.3 is wanted")
            }
            if let alert {
                guard let own = files.own else {
                    return TLSRefusal(
                        "\(place) wants a certificate of ours, and none was shown", by: "it said \(alert.words)",
                        fix: "give it: --tlscert FILE --tlskey FILE, or cert.pem and key.pem in BERTH_CERT_PATH")
                }
                return TLSRefusal(
                    "\(place) refuses our certificate, \(own.certificate)", by: "it said \(alert.words)",
                    fix:
                        "have it signed by the authority that the daemon trusts (its --tlscacert), for clients (clientAuth)"
                )
            }
            if text.contains("EOF during handshake") { return noTLS("it closed the connection") }
            if ["WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNEXPECTED_"].contains(
                where: text.contains)
            {
                return noTLS("it answered, but not with TLS")
            }
            return TLSRefusal("no TLS with \(place)", by: text)
        }

        private var wrongName: TLSRefusal {
            TLSRefusal(
                "\(place) shows a certificate of another name than \(host)",
                by: "\(host) is not among its subjectAltNames",
                fix:
                    "call it by a name that stands there: openssl s_client -connect \(place.dropFirst(6)) | openssl x509 -noout -ext subjectAltName"
            )
        }

        private func noTLS(_ by: String) -> TLSRefusal {
            TLSRefusal(
                "\(place) speaks no TLS", by: by,
                fix: "name the port of a daemon that was started with --tlsverify")
        }

        private func unreached(_ error: NIOConnectionError) -> TLSRefusal {
            guard !error.connectionErrors.isEmpty else {
                return TLSRefusal(
                    "there is no host \(host)", by: "neither IPv4 nor IPv6 addresses are found for the name",
                    fix: "correct -H or BERTH_HOST, or add the name to /etc/hosts")
            }
            let reasons = error.connectionErrors.map { failure in
                switch failure.error {
                case let error as IOError: "\(Errno(error.errnoCode))"
                case ChannelError.connectTimeout:
                    "no answer for \(TLSLink.patience.nanoseconds / 1_000_000_000) seconds"
                default: "\(failure.error)"
                }
            }
            var told: [String] = []
            for reason in reasons where !told.contains(reason) { told.append(reason) }
            return TLSRefusal(
                "no daemon answers at \(place)", by: told.joined(separator: "; "),
                fix: "start it there, or name the one that runs: -H, BERTH_HOST")
        }
    }

    extension String {
        /// An alert's name as a person says it.
        fileprivate var words: String { lowercased().split(separator: "_").joined(separator: " ") }
        fileprivate func range(of part: String) -> Range<String.Index>? {
            var start = startIndex
            while start < endIndex {
                if self[start...].hasPrefix(part) { return start..<index(start, offsetBy: part.count) }
                start = index(after: start)
            }
            return nil
        }
    }
#endif
