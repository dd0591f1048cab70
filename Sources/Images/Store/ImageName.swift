import NetCore

/// `repository:tag` or `repository@sha256:…`, as Docker shows it to people: `docker.io/library/` is not said.
struct ImageName: Hashable {
    let repository: String
    let tag: String?
    let digest: String?

    /// With `latest` when neither tag nor digest is told. Throws 400 for what is no name.
    init(_ text: String) throws(ImageError) {
        var rest = Array(text.utf8)
        var digest: String?
        if let at = rest.firstIndex(of: UInt8(ascii: "@")) {
            let told = String(decoding: rest[(at + 1)...], as: UTF8.self)
            guard isDigest(told) else {
                throw ImageName.refused(text, "after the @ stands sha256: and 64 hexadecimal digits")
            }
            digest = told
            rest = Array(rest[..<at])
        }
        let slash = rest.lastIndex(of: UInt8(ascii: "/")) ?? -1
        var tag: String?
        if let colon = rest.lastIndex(of: UInt8(ascii: ":")), colon > slash {
            let told = rest[(colon + 1)...]
            guard (1...128).contains(told.count), told.allSatisfy({ ImageName.isWord($0) || $0 == 0x2d || $0 == 0x2e }),
                told.first != 0x2d, told.first != 0x2e
            else { throw ImageName.refused(text, "a tag has 1 to 128 letters, digits, _, . and -") }
            tag = String(decoding: told, as: UTF8.self)
            rest = Array(rest[..<colon])
        }
        repository = try ImageName.repository(rest, text)
        self.digest = digest
        self.tag = tag ?? (digest == nil ? "latest" : nil)
    }

    /// `repository:tag`, or `repository@digest`.
    var text: String { digest.map { "\(repository)@\($0)" } ?? "\(repository):\(tag ?? "latest")" }

    /// With its registry, as other programs write it.
    var fullText: String {
        let first = repository.split(separator: "/", maxSplits: 1).first.map(String.init) ?? ""
        let hasRegistry =
            repository.utf8.contains(UInt8(ascii: "/"))
            && (first == "localhost" || first.utf8.contains { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") })
        if hasRegistry { return text }
        return repository.utf8.contains(UInt8(ascii: "/")) ? "docker.io/\(text)" : "docker.io/library/\(text)"
    }

    private static func repository(_ bytes: [UInt8], _ text: String) throws(ImageError) -> String {
        guard (1...255).contains(bytes.count) else { throw refused(text, "it has 1 to 255 characters") }
        var parts = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map(Array.init)
        // A registry has a dot, a port, or is localhost.
        let isRegistry =
            parts.count > 1
            && (parts[0].contains(0x2e) || parts[0].contains(0x3a) || parts[0] == Array("localhost".utf8))
        var registry: [UInt8] = []
        if isRegistry {
            registry = parts.removeFirst()
            guard registry.allSatisfy({ isWord($0) || [0x2d, 0x2e, 0x3a].contains($0) }), registry.first != 0x2d else {
                throw refused(text, "a registry is a host's name and a port")
            }
        }
        for part in parts {
            guard let first = part.first, let last = part.last, isLowerWord(first), isLowerWord(last),
                part.allSatisfy({ isLowerWord($0) || [0x2d, 0x2e, 0x5f].contains($0) })
            else {
                throw refused(text, "a name's parts are small letters and digits, with . _ - between them")
            }
        }
        if [Array("docker.io".utf8), Array("index.docker.io".utf8)].contains(registry) { registry = [] }
        if registry.isEmpty, parts.count == 2, parts[0] == Array("library".utf8) { parts.removeFirst() }
        let all = registry.isEmpty ? parts : [registry] + parts
        return String(decoding: Array(all.joined(separator: [UInt8(ascii: "/")])), as: UTF8.self)
    }

    private static func refused(_ text: String, _ why: String) -> ImageError {
        ImageError(400, "invalid reference format: \(Array(text.utf8).shown): \(why)")
    }

    private static func isLowerWord(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte)
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        isLowerWord(byte) || (0x41...0x5a).contains(byte) || byte == 0x5f
    }
}

extension ImageName {
    /// The names that are written nearly as `wanted`, the nearest first, three at most.
    static func nearest(to wanted: String, among names: [String]) -> [String] {
        let limit = max(2, wanted.utf8.count / 4)
        let measured = names.map { (name: $0, distance: Spelling.distance(wanted, $0)) }
        return measured.filter { $0.distance <= limit }
            .sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(3).map(\.name)
    }
}
