/// How much a box says, and in how many columns.
struct Form: Hashable, Sendable {
    /// Texts are broken between words where they are longer than this.
    var limit: Int
    /// Every address, or the first of each link with how many more there are.
    var allAddresses = true
    /// Columns that stay free left of the right wall.
    var padding = 1
}

/// One thing in a node's box: a device with its addresses below, a gate, a sentence.
struct BoxEntry: Hashable, Sendable {
    enum Role: String, Hashable, Sendable {
        case device, bridge, port, gate, badge, note
        /// How many entries a bridge's forwarding table has; on the page alone.
        case fdb
    }
    var role: Role
    var lines: [String]
    /// Columns that the lines are set in.
    var indent: Int
    var link: String?
    var id: String
    var isDown = false
}

extension NetworkMap {
    /// A box's entries from top to bottom: what leads outwards, the gates, what leads inwards, and what is said of it all.
    /// `distance` is each node's number of hops from the outermost.
    func entries(of node: Node, _ distance: [String: Int], _ form: Form) -> [BoxEntry] {
        let own = distance[node.name] ?? 0
        let leadsIn = { (link: Link) -> Bool in
            self.cables.contains { cable in
                guard let other = cable.other(than: End(node.name, link.name)) else { return false }
                return other.node != node.name && (distance[other.node] ?? 0) >= own
            }
        }
        let shown = node.shownLinks
        var above: [BoxEntry] = []
        var below: [BoxEntry] = []
        for link in shown where !shown.contains(where: { $0.name == link.master }) {
            // A link that stands on another one comes after that.
            if let parent = link.parent, parent != link.name, shown.contains(where: { $0.name == parent }) { continue }
            let ports = shown.filter { $0.master == link.name && $0.name != link.name }
            var group = [entry(of: link, in: node, depth: 0, form)]
            for port in ports {
                group.append(entry(of: port, in: node, depth: 1, form))
                group += standing(on: port.name, in: node, shown, depth: 2, form)
            }
            group += standing(on: link.name, in: node, shown, depth: 1, form)
            if link.isLoopback && shown.count > 1 || link.isBridge && ports.isEmpty
                || leadsIn(link) || ports.contains(where: leadsIn)
            {
                below += group
            } else {
                above += group
            }
        }
        let gates = node.gates.map { gate in
            BoxEntry(
                role: .gate, lines: wrapped("\(gate.hook)  \(gate.words)", form.limit - 2), indent: 0,
                id: "\(node.name)/gate/\(gate.hook)")
        }
        let words = node.badges.enumerated().map { index, badge in
            BoxEntry(role: .badge, lines: wrapped(badge, form.limit), indent: 0, id: "\(node.name)/badge/\(index)")
        }
        let notes = node.notes.enumerated().map { index, note in
            BoxEntry(role: .note, lines: wrapped(note, form.limit), indent: 0, id: "\(node.name)/note/\(index)")
        }
        return above + gates + below + words + notes
    }

    private func standing(on parent: String, in node: Node, _ shown: [Link], depth: Int, _ form: Form) -> [BoxEntry] {
        guard depth < 6 else { return [] }
        return shown.filter { $0.parent == parent && $0.name != parent && $0.master == nil }.flatMap { link in
            [entry(of: link, in: node, depth: depth, form)]
                + standing(on: link.name, in: node, shown, depth: depth + 1, form)
        }
    }

    private func entry(of link: Link, in node: Node, depth: Int, _ form: Form) -> BoxEntry {
        var lines = wrapped(words(of: link, in: node), form.limit - depth)
        let inset = form.padding > 0 ? "  " : ""
        if form.allAddresses {
            lines += link.addresses.map { inset + $0 }
        } else if let first = link.addresses.first {
            lines.append(inset + first)
            if link.addresses.count > 1 { lines.append("\(inset)+\(link.addresses.count - 1) more") }
        }
        return BoxEntry(
            role: link.isBridge ? .bridge : depth > 0 ? .port : .device, lines: lines,
            indent: form.padding > 0 ? 2 * depth : depth, link: link.name, id: "\(node.name)/link/\(link.name)",
            isDown: !link.isUp || link.lacksCarrier)
    }

    /// "eth0 → inet:eth0  DOWN".
    func words(of link: Link, in node: Node) -> String {
        let peers = cables.compactMap { $0.other(than: End(node.name, link.name)) }
        var words = [link.name, link.kindWord].compactMap { $0 }.joined(separator: " ")
        if !peers.isEmpty {
            let named = peers.prefix(2).map { $0.node == node.name ? $0.link : "\($0.node):\($0.link)" }
            words += " → " + named.joined(separator: ", ") + (peers.count > 2 ? ", \(peers.count - 2) more" : "")
        }
        var tail = link.badges(in: node)
        if link.mtu != 1500, !link.isLoopback { tail.append("mtu=\(link.mtu)") }
        return tail.isEmpty ? words : words + "  " + tail.joined(separator: ", ")
    }
}

/// The text in lines of at most `limit` characters, broken at spaces alone; further lines are set in by one.
func wrapped(_ text: String, _ limit: Int) -> [String] {
    var lines: [String] = []
    for word in visible(text).split(separator: " ", omittingEmptySubsequences: false) {
        // Two spaces part a name from what is said of it: they are kept within a line.
        if let last = lines.last, last.count + 1 + word.count <= limit || word.isEmpty {
            lines[lines.count - 1] = last + " " + word
        } else {
            lines.append(lines.isEmpty ? String(word) : " " + word)
        }
    }
    return lines.map { line in
        var line = line
        while line.last == " " { line.removeLast() }
        return line
    }
}

/// Without what would move a terminal's cursor: names come from other people.
func visible(_ text: String) -> String {
    String(
        String.UnicodeScalarView(
            text.unicodeScalars.map { $0.value < 0x20 || (0x7f..<0xa0).contains($0.value) ? "?" : $0 }))
}
