#if Daemon
    import NIOSSL

    extension NIOSSLCertificate {
        /// Whether it names this host: one of its DNS names is the same without regard to case, or has `*` for the first label
        /// (RFC 9525, 6.3). NIOSSL itself is content with the address that a name led to, which whoever answers for names chooses.
        func names(host: String) -> Bool {
            let host = host.utf8.last == UInt8(ascii: ".") ? String(host.dropLast()) : host
            let lower = host.lowercased()
            let parent = lower.firstIndex(of: ".").map { lower[$0...] }
            return _subjectAlternativeNames().contains { entry in
                guard entry.nameType == .dnsName else { return false }
                let name = String(decoding: entry.contents, as: UTF8.self).lowercased()
                if name == lower { return true }
                return name.hasPrefix("*.") && parent.map { name.dropFirst() == $0 } == true
            }
        }
    }
#endif
