import Glibc
import JSON
import NetCore

// --link of the standard network: another container's address under a name in /etc/hosts.
extension Wish {
    /// `NAME` or `NAME:ALIAS`. Throws 400.
    static func link(_ text: String) throws(APIError) -> (reference: String, alias: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        let alias = parts.last?.split(separator: "/").last.map(String.init) ?? ""
        guard parts.count <= 2, !parts[0].isEmpty, !alias.isEmpty, alias.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x23 })
        else {
            throw APIError(400, "bad format for links: \"\(text)\": it is CONTAINER or CONTAINER:ALIAS")
        }
        return (parts[0], alias)
    }

    func judgeLinks() throws(APIError) {
        let host = Body(self.host, at: "HostConfig")
        let links = try host.texts("Links")
        guard !links.isEmpty else { return }
        for text in links { _ = try Wish.link(text) }
        let mode = try host.text("NetworkMode")
        guard mode != "host", mode != "none", !mode.hasPrefix("container:") else {
            let kind = mode.hasPrefix("container:") ? "container" : mode
            throw APIError(
                400,
                "conflicting options: \(kind) type networking can't be used with links. This would result in undefined behavior"
            )
        }
        guard ["", "default", "bridge"].contains(mode) else {
            throw APIError(
                501, "HostConfig.Links on the network \(mode): links are of the standard network only: use Aliases")
        }
    }
}

/// A link to another container.
private struct Link {
    let other: Container
    let alias: String

    /// What follows the address in /etc/hosts.
    var names: String {
        let now = other.now
        let hostname = now.config["Hostname"]?.string ?? ""
        return ([alias, hostname.isEmpty ? other.shortID : hostname] + (alias == now.name ? [] : [now.name]))
            .joined(separator: " ")
    }

    var addresses: [String] {
        let attached = other.now.attached.first { $0.network == "bridge" }
        return (attached?.addresses ?? []).map { String($0.prefix { $0 != "/" }) }.filter { !$0.isEmpty }
    }

    var lines: String { addresses.map { "\($0)\t\(names)\n" }.joined() }
}

extension Containers {
    /// `HostConfig.Links` with the others' ids, which stay when they are renamed. Throws 404 for one that is not there, 400 for one that has
    /// no address on the standard network.
    func resolvedLinks(_ wish: Wish) throws(APIError) -> [String] {
        var links: [String] = []
        for text in Wish.texts(wish.host, "Links") {
            let (reference, alias) = try Wish.link(text)
            let found = try find(reference)
            let mode = try addressed(found).now.host["NetworkMode"]?.string ?? ""
            guard mode != "host" else {
                throw APIError(
                    400,
                    "conflicting options: host type networking can't be used with links. This would result in undefined behavior: \(found.now.name) has no address of its own"
                )
            }
            guard ["", "default", "bridge"].contains(mode) else {
                throw APIError(
                    400,
                    "Cannot link to /\(found.now.name), as it does not belong to the default network: it has \(mode)")
            }
            links.append("\(found.id):\(alias)")
        }
        return links
    }

    /// The one whose network it shares, else itself.
    private func addressed(_ container: Container) throws(APIError) -> Container {
        var container = container
        for _ in 0..<16 {
            guard let other = try other(container.now.host["NetworkMode"]?.string ?? "", "NetworkMode") else { break }
            container = other
        }
        return container
    }

    /// As inspect has them: `/db:/web/alias`; nil without.
    func linksInWords(_ now: ContainerState) -> JSON? {
        let texts = Wish.texts(now.host, "Links")
        if texts.isEmpty { return nil }
        let words = texts.map { text -> JSON in
            do throws(APIError) {
                let (id, alias) = try Wish.link(text)
                return .string("/\(try find(id).now.name):/\(now.name)/\(alias)")
            } catch {
                return .string(text)
            }
        }
        return .array(words)
    }

    /// What /etc/hosts says of its links. Throws 409 for one that does not run; one that a policy brings back is waited for.
    func linkLines(_ container: Container) throws(APIError) -> String {
        var lines = ""
        for text in Wish.texts(container.now.host, "Links") {
            let (id, alias) = try Wish.link(text)
            let found: Container
            do throws(APIError) { found = try find(id) } catch {
                throw APIError(
                    409,
                    "container \(container.shortID) links to \(id.prefix(12)) as \(alias), which is gone: make it anew without that link"
                )
            }
            let link = Link(other: try addressed(found), alias: alias)
            let policy = link.other.now.host["RestartPolicy"]?["Name"]?.string ?? ""
            if !["", "no"].contains(policy), !link.other.now.isStopped {
                _ = link.other.state.wait(milliseconds: 5000) { $0.isAlive ? true : nil }
            }
            guard link.other.now.isAlive else {
                throw APIError(409, "Cannot link to a non running container: /\(found.now.name) AS \(alias)")
            }
            lines += link.lines
        }
        return lines
    }

    /// It runs, perhaps with another address than before: those that link to it, and it itself, know it.
    func tellLinks(_ container: Container) {
        for parent in table.read({ $0.all }) {
            let texts = parent.state.read { $0.isAlive ? Wish.texts($0.host, "Links") : [] }
            guard !texts.isEmpty else { continue }
            // A link that leads nowhere any more changes nothing.
            let links = texts.compactMap { text -> Link? in
                do throws(APIError) {
                    let (id, alias) = try Wish.link(text)
                    return Link(other: try addressed(find(id)), alias: alias)
                } catch {
                    return nil
                }
            }
            guard parent === container || links.contains(where: { $0.other === container }) else { continue }
            linkFiles.change { _ in
                let path = "\(parent.directory)/hosts"
                // It is bound into the container: the file itself is written. One that somebody made very large is left alone.
                do throws(KernelError) {
                    let before = String(decoding: try Files.read(path, limit: 1 << 20), as: UTF8.self)
                    let after = Containers.hosts(before, links.map { ($0.names, $0.addresses) })
                    guard after != before else { return }
                    try HostFiles.write(after, over: before, path)
                } catch {}
            }
        }
    }

    /// The text with these addresses for those names, where they stand or at the end; without an address it stays as it is.
    static func hosts(_ text: String, _ links: [(names: String, addresses: [String])]) -> String {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        for link in links where !link.addresses.isEmpty {
            // By its alias: the other may have another name and host name than before.
            let alias = link.names.prefix { $0 != " " }
            let isIts = { (line: String) in line.drop { $0 != "\t" }.dropFirst().prefix { $0 != " " } == alias }
            let place = lines.firstIndex(where: isIts)
            lines.removeAll(where: isIts)
            let isEnded = lines.last == ""
            let end = isEnded ? lines.count - 1 : lines.count
            lines.insert(contentsOf: link.addresses.map { "\($0)\t\(link.names)" }, at: min(place ?? end, end))
            if !isEnded { lines.append("") }
        }
        return lines.joined(separator: "\n")
    }
}
