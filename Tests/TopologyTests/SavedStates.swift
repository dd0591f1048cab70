import Glibc
import JSON
import NetCore
import Testing

@testable import Topology

/// States of networks as `berth graph --json` wrote them, in Tests/Golden/topology.
enum SavedStates {
    static let names = [
        "empty-host", "box", "lab-standard", "lab-nft", "lab-legacy", "down-cable", "vlan-macvlan", "two-bridges",
        "ring",
        "full-mesh", "thirteen", "host", "apart", "crossing", "narrow", "forwarding",
    ]

    static let folder = Files.directory(of: Files.directory(of: #filePath)) + "/Golden/topology/"

    static func map(_ name: String) throws -> NetworkMap {
        try NetworkMap(decoding: try JSON(parsing: try Files.read(folder + name + ".json")))
    }

    /// What stands in the file is what the text says; `UPDATE_GOLDEN=1` writes it.
    static func expect(_ text: String, _ file: String) throws {
        if getenv("UPDATE_GOLDEN").map({ String(cString: $0) }) == "1" {
            try Files.replace(folder + file, with: Array(text.utf8), mode: 0o644)
        }
        #expect(String(decoding: try Files.read(folder + file), as: UTF8.self) == text, "\(file)")
    }

    /// Every layout that a state may be drawn by: everything said, and ever narrower.
    static func pictures(_ map: NetworkMap) -> [Picture] {
        var pictures = [map.picture]
        for (limit, allAddresses) in [(30, true), (20, true), (14, true), (20, false), (14, false)] {
            let form = Form(limit: limit, allAddresses: allAddresses, padding: allAddresses ? 1 : 0)
            pictures.append(Layout(map, form).picture)
        }
        return pictures
    }
}
