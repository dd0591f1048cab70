import CNI
import JSON

/// Any JSON as a result of any version is refused with code 1 or 6, or read; what is read is written in every version's
/// shape and read the same again. The first byte chooses the version.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    guard let first = bytes.first else { return 0 }
    let version = SpecVersion.allCases[Int(first) % SpecVersion.allCases.count]
    let json: JSON
    do throws(JSONError) { json = try JSON(parsing: Array(bytes.dropFirst())) } catch { return 0 }
    let result: CNIResult
    do throws(CNIError) {
        result = try CNIResult(decoding: json, version: version)
    } catch {
        precondition([1, 6].contains(error.code) && !error.message.isEmpty)
        return 0
    }
    for version in SpecVersion.allCases {
        let written: JSON
        do throws(CNIError) {
            written = try result.json(version: version)
        } catch {
            precondition(version < .v0_3_0 && result.ips.isEmpty, "only a result without an address cannot be written")
            continue
        }
        do throws(CNIError) {
            let again = try CNIResult(decoding: written, version: .latest)
            let rewritten = try again.json(version: version)
            precondition(rewritten == written, "the \(version) shape reads the same")
            precondition(version != .latest || again == result, "1.1.0 loses nothing")
        } catch {
            fatalError("what was written is refused: \(error): \(written)")
        }
    }
    return 0
}
