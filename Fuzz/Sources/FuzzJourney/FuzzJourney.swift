import JSON
import Trace

/// Any JSON is refused with the place that is wrong, or is a journey: then it is written so that it reads the same, and drawn.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: count))
    guard let json = try? JSON(parsing: bytes) else { return 0 }
    do throws(TraceError) {
        let journey = try Journey(json)
        do throws(TraceError) {
            let again = try Journey(journey.json)
            precondition(again == journey, "it reads the same")
        } catch { fatalError("what was written is refused: \(error)") }
        precondition([0, 10, 11, 12, 13].contains(journey.exitCode))
        precondition(!PathView(journey, isVerbose: true, ascii: true).text.isEmpty)
        precondition(TableView(journey).text.hasPrefix("LEG"))
        precondition(journey.legs.isEmpty == DiffView(journey).text.isEmpty)
    } catch {
        precondition(error.description.hasPrefix("not a journey of version 1: "))
    }
    return 0
}
