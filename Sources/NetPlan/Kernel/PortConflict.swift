import NetCore

/// Which ports an element of a port map takes, at which address.
private struct PortClaim {
    let address: ArraySlice<UInt8>?
    let proto: UInt8
    let ports: ClosedRange<Int>
    let comment: String?

    /// The key's fields stand in words of four bytes: [address] protocol port.
    init?(_ key: NftElementKey, comment: String?) {
        let end = key.keyEnd ?? key.key
        let count = key.key.count
        guard count >= 8, end.count == count else { return nil }
        let port = { (bytes: [UInt8]) in Int(bytes[count - 4]) << 8 | Int(bytes[count - 3]) }
        guard port(key.key) <= port(end) else { return nil }
        address = count > 8 ? key.key[..<(count - 8)] : nil
        proto = key.key[count - 8]
        ports = port(key.key)...port(end)
        self.comment = comment
    }

    /// An any-address claim overlaps every specific one; tcp, udp and sctp are apart (cni.md N-3).
    func overlaps(_ other: PortClaim) -> Bool {
        proto == other.proto && ports.overlaps(other.ports)
            && (address == nil || other.address == nil || address == other.address)
    }
}

/// A port that is to be published and the comment of the element that has it.
struct PortConflict {
    let element: NftElement
    let comment: String?
}

extension LinuxKernel {
    /// Who holds the ports that are to be published, found before anything is changed.
    mutating func portConflicts(of elements: [NftElement]) throws(KernelError) -> [PortConflict] {
        var conflicts: [PortConflict] = []
        for family in AddressFamily.allCases {
            let single = [BerthTable.forwardAny(family), BerthTable.forwardAddress(family)]
            let ranges = [BerthTable.rangeAny(family), BerthTable.rangeAddress(family)]
            let wanted = elements.filter { element in (single + ranges).contains { $0.name == element.set.name } }
            guard !wanted.isEmpty else { continue }
            // Lists only what keys cannot find: ranges always, single ports only against ranges and against the
            // other kind of address. The any-address map, the one that grows, is asked by key.
            var listed = ranges.map(\.name)
            if wanted.contains(where: { $0.set.isInterval }) { listed.append(single[0].name) }
            if wanted.contains(where: { $0.set.isInterval || $0.set.name == single[0].name }) {
                listed.append(single[1].name)
            }
            var present: [NftElementFound] = []
            for name in listed {
                present += try withNetfilter { (socket) throws(KernelError) in
                    try socket.elements(ofSet: name, table: BerthTable.name)
                }
            }
            var keys: [NftElementKey] = []
            for element in wanted where !element.set.isInterval {
                keys.append(element.identity)
                if element.set.name == single[1].name {
                    keys.append(NftElement(single[0], Array(element.key.dropFirst()), comment: nil).identity)
                }
            }
            present += try withNetfilter { (socket) throws(KernelError) in
                try socket.elements(keys, table: BerthTable.name)
            }
            let claims = present.compactMap { PortClaim($0.identity, comment: $0.comment) }
            for element in wanted {
                guard let mine = PortClaim(element.identity, comment: nil) else { continue }
                guard let other = claims.first(where: mine.overlaps) else { continue }
                conflicts.append(PortConflict(element: element, comment: other.comment))
            }
        }
        return conflicts
    }

    /// Who holds one of the elements that the kernel refused as existing.
    mutating func holder(of elements: [NftElement], owner: Owner) throws(KernelError) -> ApplyFailure.Cause? {
        for element in elements {
            let found = try withNetfilter { (socket) throws(KernelError) in
                try socket.element(element.identity, table: BerthTable.name)
            }
            if let found {
                return cause(
                    "\(element.key.map(\.description).joined(by: " ")) in \(element.set.name)", found.comment,
                    owner)
            }
        }
        return nil
    }

    func cause(_ what: String, _ comment: String?, _ owner: Owner) -> ApplyFailure.Cause {
        if comment?.hasPrefix(owner.commentPrefix) == true { return .attached(what: what) }
        let parts = comment?.split(separator: " ", maxSplits: 2) ?? []
        return .taken(what: what, holder: parts.count == 3 ? String(parts[2]) : comment ?? "somebody unknown")
    }

    func portWords(_ element: NftElement) -> String {
        var address: String?
        var proto = ""
        var ports: [UInt16] = []
        for field in element.key {
            switch field {
            case .address(let it): address = it.family == .v4 ? "\(it)" : "[\(it)]"
            case .proto(let it): proto = "\(it)"
            case .port(let it): ports.append(it)
            case .name, .mac: break
            }
        }
        if case .port(let last)? = element.keyEnd?.last, last != ports.first { ports.append(last) }
        return "port \(address.map { $0 + ":" } ?? "")\(ports.map(String.init).joined(by: "-"))/\(proto)"
    }
}
