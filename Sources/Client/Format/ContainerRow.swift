public import JSON

/// A line of `ps`.
public enum ContainerRow {
    /// From what the API lists. `isCut`: words that are too wide for a screen get an ellipsis; `isWhole`: ids in full.
    public static func make(_ container: JSON, isWhole: Bool, isCut: Bool, now: Moment = .now) -> JSON {
        let id = container["Id"]?.string ?? ""
        let created = Moment(seconds: container["Created"]?.integer ?? 0)
        let command = container["Command"]?.string ?? ""
        let image = container["Image"]?.string ?? ""
        let networks = container["NetworkSettings"]?["Networks"]?.object ?? [:]
        let labels = container["Labels"]?.object ?? [:]
        let mounts = (container["Mounts"]?.array ?? []).map { $0["Name"]?.string ?? $0["Source"]?.string ?? "" }
        let shownID = isWhole ? id : String(id.prefix(12))
        return Row.make([
            ("ID", shownID),
            ("Image", !isWhole && image.hasPrefix("sha256:") ? String(image.dropFirst(7).prefix(12)) : image),
            ("Command", "\"\(isCut ? command.shortened(to: 20) : command)\""),
            ("CreatedAt", created.localText),
            ("RunningFor", Spoken.duration(seconds: now.seconds - created.seconds) + " ago"),
            ("State", container["State"]?.string ?? ""),
            ("Status", container["Status"]?.string ?? ""),
            ("Ports", ports(container["Ports"]?.array ?? [])),
            ("Names", names(container["Names"]?.array ?? [])),
            ("Labels", labels.keys.sorted().map { "\($0)=\(labels[$0]?.string ?? "")" }.joined(separator: ",")),
            ("Networks", networks.keys.sorted().joined(separator: ",")),
            ("IP", networks.compactMap { $0.value["IPAddress"]?.string }.filter { !$0.isEmpty }.joined(separator: ",")),
            ("Mounts", mounts.map { isCut ? $0.shortened(to: 15) : $0 }.joined(separator: ",")),
            (
                "LocalVolumes",
                String((container["Mounts"]?.array ?? []).filter { $0["Type"]?.string == "volume" }.count)
            ),
            ("Size", size(container)),
        ])
    }

    private static func size(_ container: JSON) -> String {
        let own = Spoken.size(Double(container["SizeRw"]?.integer ?? 0))
        guard let root = container["SizeRootFs"]?.integer, root > 0 else { return own }
        return "\(own) (virtual \(Spoken.size(Double(root))))"
    }

    /// Without the leading slash; names of links (`/a/b`) are left out.
    private static func names(_ all: [JSON]) -> String {
        all.compactMap(\.string).map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 }
            .filter { !$0.contains("/") }.joined(separator: ",")
    }

    /// `0.0.0.0:8080->80/tcp, 443/tcp`; neighbouring ports of one address as a range.
    static func ports(_ all: [JSON]) -> String {
        struct Port {
            let ip: String
            let outer: Int64
            let inner: Int64
            let proto: String
        }
        let ports = all.map {
            Port(
                ip: $0["IP"]?.string ?? "", outer: $0["PublicPort"]?.integer ?? 0,
                inner: $0["PrivatePort"]?.integer ?? 0,
                proto: $0["Type"]?.string ?? "tcp")
        }.sorted {
            ($0.inner, $0.outer, $0.ip, $0.proto) < ($1.inner, $1.outer, $1.ip, $1.proto)
        }
        var groups: [(first: Port, last: Port)] = []
        for port in ports {
            let next = groups.firstIndex { group in
                group.first.ip == port.ip && group.first.proto == port.proto && group.last.inner + 1 == port.inner
                    && (group.first.outer == 0 ? port.outer == 0 : group.last.outer + 1 == port.outer)
            }
            if let next { groups[next].last = port } else { groups.append((port, port)) }
        }
        return groups.map { first, last in
            let inner = first.inner == last.inner ? "\(first.inner)" : "\(first.inner)-\(last.inner)"
            guard first.outer > 0 else { return "\(inner)/\(first.proto)" }
            let outer = first.outer == last.outer ? "\(first.outer)" : "\(first.outer)-\(last.outer)"
            let ip = first.ip.contains(":") ? "[\(first.ip)]" : first.ip
            return "\(ip):\(outer)->\(inner)/\(first.proto)"
        }.joined(separator: ", ")
    }
}
