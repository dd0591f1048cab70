#if Daemon
    import Client
    import Engine
    import NetCore

    /// A daemon that is reached by TLS.
    enum Remote {
        static func connector(_ files: TLSChoice.Files) throws(ClientError) -> Connector {
            let own = files.certificate.flatMap { one in files.key.map { (certificate: one, key: $0) } }
            let link: TLSLink
            do throws(TLSRefusal) {
                link = try TLSLink(TLSLink.Files(authority: files.authority, own: own))
            } catch {
                throw ClientError(error)
            }
            return { endpoint throws(ClientError) in
                guard case .tls(let host, let port) = endpoint else {
                    throw ClientError("\(endpoint) with TLS", by: "TLS is for tcp://")
                }
                do throws(TLSRefusal) {
                    let (number, failure) = try link.connect(host: host, port: Int(port))
                    return Wire(OwnedDescriptor(taking: number)) { failure().map { ClientError($0) } }
                } catch {
                    throw ClientError(error)
                }
            }
        }
    }

    extension ClientError {
        fileprivate init(_ refusal: TLSRefusal) { self.init(refusal.message, by: refusal.by, fix: refusal.fix) }
    }
#endif
