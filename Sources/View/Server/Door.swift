#if Daemon
    import NIOHTTP1

    /// What a request must be to be let in.
    struct Door: Sendable {
        let names: Set<String>
        let token: Token

        /// Bytes of a body.
        static let bodyLimit = 4096

        /// Nil for one that is welcome.
        func refusal(_ head: HTTPRequestHead) -> Desk.Answer? {
            let hosts = head.headers["Host"]
            guard hosts.count == 1, names.contains(hosts[0].lowercased()) else {
                return .error(
                    403, "the request is for \(hosts.first ?? "nobody"), which is not this page's name",
                    fix: "open the address that berth view printed")
            }
            // A page of another site says where it comes from.
            for origin in head.headers["Origin"] where !names.contains(where: { origin == "http://\($0)" }) {
                return .error(
                    403, "the request comes from a page of \(origin)", fix: "open the address that berth view printed")
            }
            if Door.isPage(head) { return nil }
            let said = head.headers[Token.header]
            guard said.count == 1, token.isSame(said[0]) else {
                return .error(
                    401, "the request does not know this page's token",
                    fix: "open the whole address that berth view printed, with what is behind the #")
            }
            return nil
        }

        static func path(_ head: HTTPRequestHead) -> String { String(head.uri.prefix { $0 != "?" }) }

        /// The page itself has no secret in it.
        static func isPage(_ head: HTTPRequestHead) -> Bool {
            path(head) == "/" && (head.method == .GET || head.method == .HEAD)
        }

        /// In every answer.
        static func headers(nonce: String) -> HTTPHeaders {
            HTTPHeaders([
                (
                    "Content-Security-Policy",
                    "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'nonce-\(nonce)'; connect-src 'self'; img-src data:"
                ),
                ("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"),
                ("Referrer-Policy", "no-referrer"),
                ("X-Frame-Options", "DENY"), ("Cross-Origin-Resource-Policy", "same-origin"),
            ])
        }
    }
#endif
