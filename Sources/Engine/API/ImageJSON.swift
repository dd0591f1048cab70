#if Daemon
    import Containers
    import Images
    import JSON
    import NetCore

    extension Image {
        private var config: JSONObject { configuration["config"]?.object ?? [:] }
        private var created: String { configuration["created"]?.string ?? "0001-01-01T00:00:00Z" }

        /// An element of `GET /images/json`.
        func summary(containers: Int) -> JSONObject {
            [
                "Containers": .integer(Int64(containers)), "Created": .integer(Moment.seconds(created) ?? 0),
                "Id": .string(id), "Labels": config["Labels"] ?? .null, "ParentId": "",
                "RepoDigests": .array(digests.map { .string($0) }), "RepoTags": .array(tags.map { .string($0) }),
                "SharedSize": -1,
                "Size": .integer(size),
            ]
        }

        /// `GET /images/NAME/json`.
        var inspection: JSONObject {
            [
                "Id": .string(id), "RepoTags": .array(tags.map { .string($0) }),
                "RepoDigests": .array(digests.map { .string($0) }),
                "Parent": "", "Comment": history.first?["Comment"] ?? "", "Created": .string(created),
                "DockerVersion": "", "Author": configuration["author"] ?? "", "Config": .object(config),
                "Architecture": configuration["architecture"] ?? "", "Os": configuration["os"] ?? "linux",
                "Size": .integer(size), "GraphDriver": ["Data": .null, "Name": "overlay2"],
                "RootFS": ["Type": "layers", "Layers": configuration["rootfs"]?["diff_ids"] ?? .array([])],
                "Metadata": ["LastTagTime": "0001-01-01T00:00:00Z"],
            ]
        }

        /// `GET /images/NAME/history`: the newest step first. How large one layer is, the store does not tell: the sum stands at the newest.
        var history: [JSON] {
            let steps = (configuration["history"]?.array ?? []).compactMap(\.object)
            var isFirstLayer = true
            return steps.reversed().enumerated().map { index, step in
                let isEmpty = step["empty_layer"]?.bool ?? false
                let bytes = !isEmpty && isFirstLayer ? size : 0
                if !isEmpty { isFirstLayer = false }
                return [
                    "Comment": step["comment"] ?? "",
                    "Created": .integer(step["created"]?.string.flatMap { Moment.seconds($0) } ?? 0),
                    "CreatedBy": step["created_by"] ?? "", "Id": .string(index == 0 ? id : "<missing>"),
                    "Size": .integer(bytes), "Tags": index == 0 ? .array(tags.map { .string($0) }) : .null,
                ]
            }
        }

        var moment: Int64 { Moment.seconds(created) ?? 0 }
        func label(_ wanted: String) -> Bool {
            let parts = wanted.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let value = config["Labels"]?[String(parts.first ?? "")]?.string else { return false }
            return parts.count == 1 || value == parts[1]
        }
    }

    /// `filters` of an images request.
    struct ImageFilter {
        private let filters: JSONObject
        private var before: Int64?
        private var since: Int64?

        init(_ filters: JSONObject, _ store: ImageStore) throws {
            let known = ["dangling", "reference", "label", "before", "since"]
            for key in filters.keys where !known.contains(key) { throw APIError(400, "invalid filter '\(key)'") }
            self.filters = filters
            before = try filters["before"]?.array?.first?.string.map { try store.image($0).moment }
            since = try filters["since"]?.array?.first?.string.map { try store.image($0).moment }
        }

        func takes(_ image: Image) -> Bool {
            if let before, image.moment >= before { return false }
            if let since, image.moment <= since { return false }
            return filters.allSatisfy { key, value in
                let wanted = (value.array ?? []).compactMap(\.string)
                switch key {
                case "dangling":
                    return wanted.contains { (["true", "1"].contains($0.lowercased())) == image.tags.isEmpty }
                case "reference":
                    return image.tags.contains { tag in wanted.contains { ImageFilter.matches(tag, $0) } }
                case "label": return wanted.allSatisfy { image.label($0) }
                default: return true
                }
            }
        }

        /// A name with or without its tag, and `*` for anything but `/`.
        static func matches(_ tag: String, _ pattern: String) -> Bool {
            let name = tag.lastIndex(of: ":").map { String(tag[..<$0]) } ?? tag
            return matches(Array(tag.utf8)[...], Array(pattern.utf8)[...])
                || matches(Array(name.utf8)[...], Array(pattern.utf8)[...])
        }
        private static func matches(_ text: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
            // The last star is gone back to: no pattern takes more than text times pattern.
            var (at, place) = (text.startIndex, pattern.startIndex)
            var back: (text: Int, pattern: Int)?
            while at < text.endIndex {
                if place < pattern.endIndex, pattern[place] == UInt8(ascii: "*") {
                    back = (at, place)
                    place += 1
                } else if place < pattern.endIndex, pattern[place] == text[at] || pattern[place] == UInt8(ascii: "?") {
                    at += 1
                    place += 1
                } else if let star = back, text[star.text] != UInt8(ascii: "/") {
                    back = (star.text + 1, star.pattern)
                    at = star.text + 1
                    place = star.pattern + 1
                } else {
                    return false
                }
            }
            return pattern[place...].allSatisfy { $0 == UInt8(ascii: "*") }
        }
    }

    enum Moment {
        /// Seconds since 1970 of an RFC 3339 time (the fraction is left away); nil when it is none.
        static func seconds(_ text: String) -> Int64? {
            let bytes = Array(text.utf8)
            guard bytes.count >= 20 else { return nil }
            func number(_ range: Range<Int>) -> Int? { Int(String(decoding: bytes[range], as: UTF8.self)) }
            guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
                let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19)
            else { return nil }
            // Days from civil, counted from March.
            let shifted = month > 2 ? year : year - 1
            let era = shifted / 400
            let yearOfEra = shifted - era * 400
            let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
            let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
            var offset = 0
            let tail = bytes.suffix(6)
            if let sign = tail.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"),
                let hours = number(bytes.count - 5..<bytes.count - 3),
                let minutes = number(bytes.count - 2..<bytes.count)
            {
                offset = (hours * 60 + minutes) * (sign == UInt8(ascii: "-") ? -60 : 60)
            }
            return Int64(days * 86_400 + hour * 3600 + minute * 60 + second - offset)
        }
    }
#endif
