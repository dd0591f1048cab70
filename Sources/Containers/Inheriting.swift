import JSON

// --volumes-from: what another container has mounted.
extension Wish {
    /// `ID` or `ID:MODE`. Throws 400.
    static func volumesFrom(_ text: String) throws(APIError) -> (reference: String, isReadOnly: Bool) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard !parts[0].isEmpty else {
            throw APIError(400, "volumes-from specification cannot be an empty string: it is CONTAINER or CONTAINER:ro")
        }
        var isReadOnly = false
        for mode in parts.dropFirst().flatMap({ $0.split(separator: ",", omittingEmptySubsequences: false) }) {
            guard ["ro", "rw", "z", "Z"].contains(mode) else {
                throw APIError(400, "invalid mode for volumes-from: \(mode): it is ro or rw")
            }
            if mode == "ro" { isReadOnly = true }
        }
        return (parts[0], isReadOnly)
    }
}

extension Containers {
    /// The others' mount points that the container gets, the later container before the earlier one; what it mounts itself goes before
    /// both, but for an image's VOLUME. Throws 404 for a container that is not there.
    func inherited(_ wish: Wish, beside own: [MountWish]) throws(APIError) -> [JSONObject] {
        var taken = Set(own.filter { !$0.isImplied }.map(\.target))
        var found: [JSONObject] = []
        for text in Wish.texts(wish.host, "VolumesFrom").reversed() {
            let (reference, isReadOnly) = try Wish.volumesFrom(text)
            for var point in try find(reference).now.mounts where point["Type"]?.string != "tmpfs" {
                guard taken.insert(point["Destination"]?.string ?? "").inserted else { continue }
                point["RW"] = .bool(point["RW"]?.bool ?? true && !isReadOnly)
                // It has been filled from the other's image.
                point["Copy"] = false
                found.append(point)
            }
        }
        return found.reversed()
    }
}
