PROMPT = """
Sort people into classes of body mass index, as a function `bmi_class(weight_kg, height_cm)` that gives a text. The
index is the weight in kilograms divided by the square of the height in metres: below 18.5 is "underweight", from
there below 25 "normal", from there below 30 "overweight", and 30 or more "obese". A weight or height that is 0 or
less is an error.
"""
KIND = "column"
LEVEL = "easy"
EXAMPLES = ['bmi_class(70, 175) == "normal"']


def inputs(rng, rows):
    weights, heights = rng.uniform(40, 130, rows), rng.uniform(150, 200, rows)
    weights[::17], heights[5::17] = 0.0, -170.0
    return {"weight_kg": weights, "height_cm": heights}


def bmi_class(weight_kg, height_cm):
    if weight_kg <= 0 or height_cm <= 0:
        raise ValueError("weight and height must be more than 0")
    index = weight_kg / (height_cm / 100) ** 2
    return "underweight" if index < 18.5 else "normal" if index < 25 else "overweight" if index < 30 else "obese"
