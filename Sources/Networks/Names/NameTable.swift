import Glibc
import JSON
import NetCore

/// Who has which names and addresses on a network: the content of ROOT/networks/NAME.names.
struct NameTable: Hashable, Sendable {
    struct Entry: Hashable, Sendable {
        var id: String
        /// The first is what its address is called.
        var names: [String]
        var addresses: [IPAddress]
    }

    var network = ""
    var subnets: [IPPrefix] = []
    /// Other names are asked of the host's resolvers; not so on an internal network, where a query would be a way out.
    var forwards = true
    var entries: [Entry] = [] {
        didSet { index() }
    }
    private var byName: [String: [Int]] = [:]
    private var byAddress: [IPAddress: Int] = [:]

    /// It has these names and no others.
    mutating func put(_ entry: Entry) {
        if let index = entries.firstIndex(where: { $0.id == entry.id }) {
            entries[index] = entry
        } else {
            entries.append(entry)
        }
    }

    mutating func remove(_ id: String) { entries.removeAll { $0.id == id } }

    private mutating func index() {
        byName = [:]
        byAddress = [:]
        for (number, entry) in entries.enumerated() {
            for name in entry.names {
                let key = DNSWire.lowered(name)
                if byName[key]?.last != number { byName[key, default: []].append(number) }
            }
            for address in entry.addresses { byAddress[address] = number }
        }
    }

    /// What is known about a question.
    enum Finding: Hashable, Sendable {
        /// Empty: the name exists, not with that type (RFC 2308 section 2.2).
        case records([DNSRecord])
        case noSuchName
        /// Nothing here: others may know.
        case elsewhere
    }

    /// `turn` counts the answers: who comes first changes with it.
    func find(_ query: DNSQuery, turn: Int = 0) -> Finding {
        guard let name = query.name, !name.isEmpty,
            query.classNumber == DNSWire.internet || query.classNumber == DNSWire.any
        else { return .elsewhere }
        if let address = NameTable.reversed(name) { return reverse(address, query.type) }
        guard let numbers = numbers(name) else { return .elsewhere }
        let addresses = numbers.flatMap { entries[$0].addresses }
        let wanted = addresses.filter { address in
            switch query.type {
            case DNSWire.a: address.family == .v4
            case DNSWire.aaaa: address.family == .v6
            default: query.type == DNSWire.any
            }
        }
        guard !wanted.isEmpty else { return .records([]) }
        let first = turn % wanted.count
        return .records(
            (wanted[first...] + wanted[..<first]).map {
                DNSRecord(type: $0.family == .v4 ? DNSWire.a : DNSWire.aaaa, data: $0.bytes)
            })
    }

    private func numbers(_ name: String) -> [Int]? {
        if let numbers = byName[name] { return numbers }
        let suffix = "." + DNSWire.lowered(network)
        return name.hasSuffix(suffix) ? byName[String(name.dropLast(suffix.count))] : nil
    }

    private func reverse(_ address: IPAddress, _ type: UInt16) -> Finding {
        guard let number = byAddress[address] else {
            return subnets.contains { $0.contains(address) } ? .noSuchName : .elsewhere
        }
        guard type == DNSWire.pointer || type == DNSWire.any, let name = entries[number].names.first,
            let data = DNSWire.encoded("\(name).\(network)") ?? DNSWire.encoded(name)
        else { return .records([]) }
        return .records([DNSRecord(type: DNSWire.pointer, data: data)])
    }

    /// The address that a name below in-addr.arpa or ip6.arpa stands for (RFC 1035 section 3.5, RFC 3596 section 2.5).
    static func reversed(_ name: String) -> IPAddress? {
        var parts = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.popLast()?.elementsEqual("arpa".utf8) == true, let tree = parts.popLast() else { return nil }
        if tree.elementsEqual("in-addr".utf8), parts.count == 4 {
            let numbers = parts.reversed().compactMap { $0.count <= 3 ? UInt8(Substring($0)) : nil }
            return numbers.count == 4 ? IPAddress(bytes: numbers) : nil
        }
        guard tree.elementsEqual("ip6".utf8), parts.count == 32 else { return nil }
        var value: UInt128 = 0
        for part in parts.reversed() {
            guard part.count == 1, let digit = UInt8(Substring(part), radix: 16) else { return nil }
            value = value << 4 | UInt128(digit)
        }
        return IPAddress(family: .v6, value: value)
    }
}

extension NameTable {
    var json: JSON {
        [
            "network": .string(network), "subnets": .array(subnets.map { .string("\($0)") }),
            "forward": .bool(forwards),
            "containers": .array(
                entries.map { entry in
                    [
                        "id": .string(entry.id), "names": .array(entry.names.map { .string($0) }),
                        "addresses": .array(entry.addresses.map { .string("\($0)") }),
                    ]
                }),
        ]
    }

    /// Nil for what is no such table.
    init?(_ json: JSON) {
        guard let network = json["network"]?.string, let containers = json["containers"]?.array else { return nil }
        self.network = network
        forwards = json["forward"]?.bool ?? true
        subnets = (json["subnets"]?.array ?? []).compactMap { $0.string.flatMap { IPPrefix($0) } }
        entries = containers.map { entry in
            Entry(
                id: entry["id"]?.string ?? "", names: (entry["names"]?.array ?? []).compactMap(\.string),
                addresses: (entry["addresses"]?.array ?? []).compactMap { $0.string.flatMap { IPAddress($0) } })
        }
        index()
    }
}

/// A file that is read anew when it changes: it is looked at before each use (man 2 stat). Others replace it as a whole, or write over it
/// when the disk is full.
struct WatchedFile {
    let path: String
    private var seen: [Int] = []
    /// As the last call found it.
    private(set) var isThere = true

    init(_ path: String) { self.path = path }

    /// The content if it changed since the last call, or when this is the first; nil when it did not or cannot be read.
    mutating func change() -> [UInt8]? {
        let now = identity
        isThere = now != nil
        guard let now, now != seen else { return nil }
        do throws(KernelError) {
            let bytes = try Files.read(path)
            // One that is written over at this moment is read again.
            seen = identity == now ? now : []
            return bytes
        } catch {
            return nil
        }
    }

    private var identity: [Int]? {
        var found = stat()
        guard stat(path, &found) == 0 else { return nil }
        return [Int(found.st_dev), Int(found.st_ino), Int(found.st_size), found.st_mtim.tv_sec, found.st_mtim.tv_nsec]
    }
}
