public import JSON

extension PagePicture {
    /// As the page reads it (docs/schema/view.schema.json). `inodes` are the namespaces', by node.
    public func json(inodes: [String: UInt64] = [:]) -> JSON {
        [
            "width": .integer(Int64(width)), "height": .integer(Int64(height)),
            "boxes": .array(boxes.map { PagePicture.json($0, inodes[$0.id]) }),
            "wires": .array(
                wires.map { ["id": .string($0.id), "points": PagePicture.json($0.points), "up": .bool($0.isUp)] }),
            "lanes": .array(lanes.map { .object(PagePicture.place($0.id, $0.at)) }),
        ]
    }

    private static func json(_ box: Box, _ inode: UInt64?) -> JSON {
        var object = place(box.id, Point(box.x, box.y))
        object["title"] = .string(box.title)
        object["role"] = .string(box.role)
        object["inode"] = inode.map { .integer(Int64(clamping: $0)) } ?? .null
        object["width"] = .integer(Int64(box.width))
        object["height"] = .integer(Int64(box.height))
        object["spine"] = json(box.spine)
        object["stubs"] = .array(box.stubs.map(json))
        object["marks"] = .array(
            box.marks.map { mark in
                var object = place(mark.id, mark.at)
                object["kind"] = .string(mark.kind.rawValue)
                return .object(object)
            })
        object["bars"] = .array(box.bars.map(json))
        object["labels"] = .array(
            box.labels.map { label in
                var object = place(label.id, Point(label.x, label.y))
                object["role"] = .string(label.role)
                object["text"] = .string(label.text)
                object["width"] = .integer(Int64(label.width))
                object["down"] = .bool(label.isDown)
                return .object(object)
            })
        if !box.collapsed.isEmpty {
            object["collapsed"] = [
                "count": .integer(Int64(box.collapsed.count)), "names": .array(box.collapsed.map { .string($0) }),
            ]
        }
        return .object(object)
    }

    private static func json(_ bar: Bar) -> JSON {
        var object = place(bar.id, Point(bar.x, bar.y))
        object["width"] = .integer(Int64(bar.width))
        object["ports"] = .array(
            bar.ports.map { port in
                var object = place(port.id, port.at)
                object["number"] = .integer(Int64(port.number))
                return .object(object)
            })
        return .object(object)
    }

    private static func place(_ id: String, _ at: Point) -> JSONObject {
        ["id": .string(id), "x": .integer(Int64(at.x)), "y": .integer(Int64(at.y))]
    }

    private static func json(_ points: [Point]) -> JSON {
        .array(points.map { [.integer(Int64($0.x)), .integer(Int64($0.y))] })
    }
}
