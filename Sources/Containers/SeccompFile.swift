import JSON

/// A profile as Docker's client sends it, which chooses by capability and architecture, as `linux.seccomp`, which does not.
enum SeccompFile {
    static func document(_ profile: JSONObject, _ capabilities: Set<String>) throws(APIError) -> JSON {
        var result = profile.removing("archMap", "syscalls")
        if let map = profile["archMap"]?.array {
            var architectures: [JSON] = []
            for entry in map.compactMap(\.object) where entry["architecture"]?.string == native {
                architectures = [.string(native)] + (entry["subArchitectures"]?.array ?? [])
            }
            result["architectures"] = .array(architectures)
        }
        var rules: [JSON] = []
        for rule in (profile["syscalls"]?.array ?? []).compactMap(\.object) {
            if let condition = rule["includes"]?.object, !holds(condition, capabilities) { continue }
            if let condition = rule["excludes"]?.object, !condition.isEmpty, holdsAny(condition, capabilities) {
                continue
            }
            var plain = rule.removing("includes", "excludes", "comment", "name")
            if plain["names"] == nil, let name = rule["name"] { plain["names"] = .array([name]) }
            if plain["args"] == .null { plain["args"] = nil }
            rules.append(.object(plain))
        }
        result["syscalls"] = .array(rules)
        return .object(result)
    }

    private static let native: String = {
        #if arch(x86_64)
            "SCMP_ARCH_X86_64"
        #else
            "SCMP_ARCH_AARCH64"
        #endif
    }()
    private static let short: [String] = {
        #if arch(x86_64)
            ["amd64", "x86", "x32"]
        #else
            ["arm64", "arm"]
        #endif
    }()

    private static func holds(_ condition: JSONObject, _ capabilities: Set<String>) -> Bool {
        if let wanted = condition["caps"]?.array, !wanted.compactMap(\.string).allSatisfy(capabilities.contains) {
            return false
        }
        if let wanted = condition["arches"]?.array, !wanted.isEmpty,
            !wanted.compactMap(\.string).contains(where: short.contains)
        {
            return false
        }
        return true
    }

    private static func holdsAny(_ condition: JSONObject, _ capabilities: Set<String>) -> Bool {
        (condition["caps"]?.array ?? []).compactMap(\.string).contains(where: capabilities.contains)
            || (condition["arches"]?.array ?? []).compactMap(\.string).contains(where: short.contains)
    }
}
