// Example: denoises the selected time series in Fiji and checks that its brightness over time is preserved.
//
// Open it in Fiji's script editor (Python mode), open a time series, and press Run. Every frame is fitted separately, with
// one grey-value window for the whole series, so that the result does not flicker. The mean of each frame before and
// after is written to a table; the columns should agree within noise.

#@ String (label = "Group", value = "Auto (from metadata)") group
#@ Integer (label = "Iterations (0 = from group)", value = 0) iterations
#@ String (label = "Frames (1-10 for a trial, empty for all)", value = "") range

noisy = getTitle();
Stack.getDimensions(width, height, channels, slices, frames);
if (frames == 1)
	exit("AUTO-DIP Example Time Series: " + noisy + " has one frame; check frames and slices in Image > Properties...");
if (range != "") {
	// A trial on a few frames shows how long the whole series will take.
	run("Duplicate...", "title=[" + File.getNameWithoutExtension(noisy) + "-trial] duplicate frames=" + range);
	noisy = getTitle();
}
run("AUTO-DIP Denoise...", "group=[" + group + "] scope=[Whole image] channels=[] effort=[Auto (from Settings)]"
	+ " iterations=" + iterations + " dtype=float32 output=[New image] options=[]");
denoised = getTitle();
if (denoised == noisy)
	exit("AUTO-DIP Example Time Series: nothing was denoised; see the Log for the reason");

before = meanOfFrames(noisy);
after = meanOfFrames(denoised);
Array.show("Mean of each frame", before, after);
selectImage(denoised);
return denoised;

// Mean grey value of every frame, over all channels and slices.
function meanOfFrames(title) {
	selectImage(title);
	Stack.getDimensions(width, height, channels, slices, frames);
	means = newArray(frames);
	for (t = 1; t <= frames; t++) {
		for (c = 1; c <= channels; c++) {
			for (z = 1; z <= slices; z++) {
				Stack.setPosition(c, z, t);
				getStatistics(area, mean);
				means[t - 1] += mean / (channels * slices);
			}
		}
	}
	return means;
}
