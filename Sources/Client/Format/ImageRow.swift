public import JSON

/// Lines of `images`: one a name.
public enum ImageRow {
    public static func make(_ image: JSON, isWhole: Bool, hasDigests: Bool, now: Moment = .now) -> [JSON] {
        let id = image["Id"]?.string ?? ""
        let created = Moment(seconds: image["Created"]?.integer ?? 0)
        var tags = (image["RepoTags"]?.array ?? []).compactMap(\.string)
        let digests = (image["RepoDigests"]?.array ?? []).compactMap(\.string)
        if tags.isEmpty { tags = ["<none>:<none>"] }
        return tags.map { tag in
            let name = parts(of: tag)
            let digest = digests.first { $0.hasPrefix(name.repository + "@") }.flatMap { $0.split(separator: "@").last }
            return Row.make([
                ("ID", isWhole ? id : String((id.hasPrefix("sha256:") ? String(id.dropFirst(7)) : id).prefix(12))),
                ("Repository", name.repository), ("Tag", name.tag), ("Digest", digest.map(String.init) ?? "<none>"),
                (
                    "CreatedSince",
                    created.seconds <= 0 ? "N/A" : Spoken.duration(seconds: now.seconds - created.seconds) + " ago"
                ),
                ("CreatedAt", created.localText), ("Size", Spoken.size(Double(image["Size"]?.integer ?? 0))),
            ])
        }
    }

    /// `registry:5000/name:tag` in two; `latest` when there is no tag.
    public static func parts(of reference: String) -> (repository: String, tag: String) {
        let slash = reference.lastIndex(of: "/") ?? reference.startIndex
        guard let colon = reference[slash...].lastIndex(of: ":") else { return (reference, "latest") }
        return (String(reference[..<colon]), String(reference[reference.index(after: colon)...]))
    }
}
